"""Wire: TLS, proxies, and what goes over it."""

import shutil
import ssl
import subprocess
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from modelbundle.bundler.errors import RegistryError
from modelbundle.bundler.registry.http.transient_error import TransientError
from modelbundle.bundler.registry.http.wire import Wire, shown

from ..conftest import QUICK


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody knows."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def tls_server(certificate):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"over TLS")

        def log_message(self, *_):
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def wire():
    made = []

    def make(host="h"):
        made.append(Wire(host, QUICK))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_who_cannot_prove_who_it_is_gets_nothing(tls_server, wire):
    with pytest.raises(RegistryError, match=r"cannot be trusted: self.signed") as caught:
        wire().send("GET", f"https://{tls_server}/", {})
    assert not isinstance(caught.value, TransientError)
    assert "ca.crt" in caught.value.hint


def test_an_authority_of_our_own_is_believed(tls_server, wire, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate / "cert.pem"))
    assert wire().send("GET", f"https://{tls_server}/", {}).read(100) == b"over TLS"


def test_the_authority_that_docker_has_for_a_host_is_believed(
    tls_server, wire, certificate, monkeypatch, tmp_path
):
    monkeypatch.setattr("modelbundle.bundler.registry.http.wire._CERTIFICATES", tmp_path)
    (tmp_path / tls_server).mkdir()
    shutil.copy(certificate / "cert.pem", tmp_path / tls_server / "ca.crt")
    assert wire(tls_server).send("GET", f"https://{tls_server}/", {}).read(100) == b"over TLS"
    with pytest.raises(RegistryError, match="cannot be trusted"):
        wire("another:5000").send("GET", f"https://{tls_server}/", {})


def test_no_tls_where_tls_was_asked_for_is_told(liar, wire):
    with pytest.raises(RegistryError, match="cannot be trusted") as caught:
        wire().send("GET", f"https://{liar.host}/", {})
    assert "--plain-http" in caught.value.hint


def test_a_proxy_is_used_where_the_environment_names_one(liar, wire, monkeypatch):
    liar.twist("GET", "registry.example.com", lambda h: h.say(200, b"by proxy"))
    monkeypatch.setenv("http_proxy", f"http://me:hunter2@{liar.host}")
    answer = wire().send("GET", "http://registry.example.com/v2/", {})
    assert answer.read(100) == b"by proxy"
    assert liar.asked[0].headers["proxy-authorization"].startswith("Basic ")


def test_an_address_is_shown_without_its_secrets():
    url = "https://user:hunter2@s3.example.com/blob?X-Amz-Signature=abc"
    assert shown(url) == "https://s3.example.com/blob"


def test_what_nobody_could_be_called_is_no_address(wire):
    with pytest.raises(RegistryError, match="is not an address") as caught:
        wire().send("GET", f"http://{'a' * 64}.io/blob?X-Amz-Signature=abc", {})
    assert not isinstance(caught.value, TransientError)
    assert "abc" not in str(caught.value)


def test_after_a_cut_nothing_goes_out(liar, wire):
    one = wire()
    liar.twist("GET", "/", lambda h: h.say(200, b"x"))
    assert one.send("GET", f"{liar.url}/", {}).read(10) == b"x"
    one.cut()
    with pytest.raises(TransientError):
        one.send("GET", f"{liar.url}/", {}).read(10)


def test_a_cut_ends_what_is_under_way(liar):
    asked, over = threading.Semaphore(0), threading.Event()

    def hold(_):
        asked.release()
        over.wait(20)

    liar.twist("GET", "/", hold)
    one, ended = Wire("h", replace(QUICK, answer=60)), []

    def send():
        try:
            one.send("GET", f"{liar.url}/", {})
        except TransientError as error:
            ended.append(error)

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
        asked.acquire(timeout=20)
    one.cut()
    for thread in threads:
        thread.join(10)
    assert len(ended) == 2
    over.set()
    one.close()


def test_nobody_watches_an_answer_that_has_begun(liar):
    """It would be cut in the middle, or the next one on that connection."""
    liar.twist("GET", "/", lambda h: h.say(200, b"x"))
    before = set(threading.enumerate())
    one = Wire("h", replace(QUICK, answer=600))
    assert one.send("GET", f"{liar.url}/", {}).read(10) == b"x"
    watching = set(threading.enumerate()) - before
    for thread in watching:
        if isinstance(thread, threading.Timer):
            thread.join(10)
            assert not thread.is_alive()
    one.close()


def test_a_host_that_swallows_everything_is_left(wire):
    """Nobody has 192.0.2.1: the connection is refused, or given up in time."""
    one = Wire("h", replace(QUICK, connect=0.2))
    with pytest.raises(TransientError, match=r"192\.0\.2\.1"):
        one.send("GET", "http://192.0.2.1/", {})
    one.close()
