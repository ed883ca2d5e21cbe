"""Files of an index, asked of servers that send more than there is any need to read."""

import hashlib
from base64 import b64encode
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.progress import NullProgress
from modelbundle.bundler.requirements.wheels import remote_file
from modelbundle.bundler.requirements.wheels.location import Location
from modelbundle.bundler.requirements.wheels.remote_file import RemoteFile, download
from modelbundle.bundler.requirements.wheels.wheelhouse import Wheelhouse

DATA = b"a wheel" * 100


class Leading(BaseHTTPRequestHandler):
    """`/<status>/…` leads on to `…`, with a body that never ends."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        self.server.shown.append(self.headers.get("Proxy-Authorization"))
        self.path = self.path.removeprefix("http://wheels.example.com")
        status, _, rest = self.path.removeprefix("/").partition("/")
        if status == "file":
            self.reply(200, {"Content-Length": str(len(DATA))})
            self.wfile.write(DATA)
        elif status == "busy":
            answers = self.server.busy.pop() if self.server.busy else None
            self.reply(503 if answers else 302, answers or {"Location": "/file"})
            self.go_on()
        else:
            self.reply(int(status), {"Location": rest})
            self.go_on()

    def reply(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def go_on(self):
        with suppress(OSError):
            while True:
                self.wfile.write(bytes(1 << 16))

    def log_message(self, *_):
        """Keep quiet."""


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Leading)
    server.daemon_threads, server.asked, server.shown, server.busy = True, [], [], []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_it_is_followed_without_reading_what_comes_with_it(server, tmp_path, status):
    download(f"{server.url}/{status}//file", tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == DATA
    assert RemoteFile(f"{server.url}/{status}//file").read() == DATA


def test_a_busy_server_is_asked_again_and_one_that_asks_for_hours_is_not(server, tmp_path):
    server.busy += [{"Retry-After": "0"}, {"Retry-After": "0"}]
    download(f"{server.url}/busy", tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == DATA
    server.busy += [{"Retry-After": "3600"}]
    with pytest.raises(OSError, match="503"):
        download(f"{server.url}/busy", tmp_path / "w")


@pytest.mark.parametrize("where", ["", "file:///etc/hostname", "ftp://127.0.0.1/x", "/404"])
def test_what_leads_nowhere_is_told(server, tmp_path, where):
    with pytest.raises(OSError, match=r"redirects|404"):
        download(f"{server.url}/302/{where}", tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_what_leads_in_a_circle_is_left(server, tmp_path):
    onward = "/302/" * 9 + "file"
    with pytest.raises(OSError, match="redirects too often"):
        download(f"{server.url}{onward}", tmp_path / "w")
    assert len(server.asked) == 4


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_a_proxy_is_shown_its_password(server, tmp_path, monkeypatch, scheme):
    """A proxy of a company asks everybody for one; uv, which resolves, sends it as well."""
    monkeypatch.setenv("http_proxy", f"{scheme}me:hunter2@{server.url.removeprefix('http://')}")
    monkeypatch.delenv("no_proxy", raising=False)
    download("http://wheels.example.com/file", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA
    assert server.shown == ["Basic " + b64encode(b"me:hunter2").decode()]


def test_a_password_goes_no_further_than_its_host(server, tmp_path):
    (tmp_path / "netrc").write_text("default login ann password hush\n")
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    download(f"{server.url}/302/{server.url}/302/{elsewhere}/file", tmp_path / "w")
    (first, shown), (_, again), (last, nothing) = server.asked
    assert shown == again
    assert shown.startswith("Basic ")
    assert (last, nothing) == ("/file", None), first


@pytest.mark.parametrize("said", [len(DATA), None])
def test_a_file_that_never_ends_is_left_before_it_fills_the_disk(
    server, tmp_path, monkeypatch, said
):
    monkeypatch.setattr(remote_file, "LARGEST", 1 << 20)
    place = Location(hashlib.sha256(DATA).hexdigest(), "w.whl", f"{server.url}/200/", said)
    with pytest.raises(ResolveError, match=rf"`w.whl` .* more than {said or 1 << 20:,} bytes\.$"):
        Wheelhouse(tmp_path).fill([place], [], NullProgress())
    assert list((tmp_path / "wheels").iterdir()) == []
