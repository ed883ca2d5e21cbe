"""`bundle predict`: one answer, from a server that runs or from one that is started for it."""

import json
import os
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgpack
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ...conftest import BUNDLE, SERVICE

CURRENT = ("--env", "current")


@pytest.fixture(scope="module")
def server(shop):
    """A running `bundle serve twice`, for tests that only ask it."""
    with shop.serving("twice", *CURRENT) as server:
        yield server


def test_rows_from_a_file_are_answered_by_a_bundle(shop):
    answer = shop("predict", "twice", "-q", *CURRENT, "--data", "sample.json")

    assert json.loads(answer.out) == {"predictions": [[0.0, 1.0], [4.0, 4.0]]}
    assert answer.err == ""


def test_rows_from_stdin_are_answered_by_a_model_and_json_begins_with_its_tag_and_digest(shop):
    answer = shop("predict", "model:double", "-q", "--json", stdin='{"instances": [[1, 2]]}')

    assert answer.err == ""
    said = answer.json
    assert list(said) == ["tag", "digest", "predictions"]
    item = shop("models", "show", "double", "--json").json
    assert [said["tag"], said["digest"]] == [item["tag"], item["digest"]]
    assert said["predictions"] == [[2, 4]]


def test_a_running_server_is_asked_by_its_url(shop, server):
    for url in (server.url, f"{server.url}/", f"{server.url}/predict"):
        assert shop("predict", url, stdin="[[1, 2]]").out == '{"predictions":[[2.0,4.0]]}\n'
    refused = shop("predict", server.url, stdin='{"rows": 1}', code=1)
    assert "instances" in refused.err
    refused = shop("predict", server.url, stdin="no json", code=1)
    assert refused.err.startswith("error: The server answers 400: ")
    deep = shop("predict", server.url, stdin="[" * 200_000, code=1)
    assert deep.err.startswith("error: The server answers 400: ")
    assert "--data FILE" in shop("predict", server.url, stdin="", code=1).err
    missing = shop("predict", server.url, "--method", "nope", stdin="[]", code=1)
    assert "404" in missing.err


def test_a_class_is_asked_without_a_bundlefile(shop, bundle, tmp_path):
    (tmp_path / "quick.py").write_text(SERVICE)
    home = {"BUNDLE_HOME": str(shop.home)}

    answer = bundle("predict", "quick:Twice", "--data", "-", stdin='{"text": "ab"}', **home)
    missing = bundle("predict", "quick:Twise", stdin="{}", code=1, **home)

    assert answer.out == '"abab"\n'
    assert missing.err.startswith("error: quick.py:1: there is no class `Twise`.\nhint: Did you")


def test_a_route_that_is_not_there_names_those_that_are(shop):
    missing = shop("predict", "twice", *CURRENT, "--method", "predct", code=1)

    assert "There is no route `/predct`." in missing.err
    assert "`predict`" in missing.err


def test_nobody_at_the_url_and_no_file_are_errors_of_one_line(bundle):
    assert "does not answer" in bundle("predict", "http://127.0.0.1:1", stdin="[]", code=1).err
    assert "is not a URL" in bundle("predict", "http://[::bad", stdin="[]", code=1).err
    assert "`gone.json` cannot be read" in bundle("predict", "x", "-d", "gone.json", code=1).err


def test_a_password_in_a_url_is_refused_and_not_repeated(bundle):
    refused = bundle("predict", "http://ann:s3cr3t@127.0.0.1:1", stdin="[]", code=1)
    assert "no user or password" in refused.err
    assert "--header 'Authorization: ..." in refused.err
    assert "s3cr3t" not in refused.err


class Echo(BaseHTTPRequestHandler):
    """Says what content type it was sent; bytes at /bytes; /models has moved."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/models":
            self.send_response(301)
            self.send_header("location", "/models/")
            self.send_header("content-length", "0")
            self.end_headers()
            return
        self.send_response(200)
        is_bytes = self.path == "/bytes"
        self.send_header("content-type", "image/png" if is_bytes else "text/plain")
        self.end_headers()
        self.wfile.write(b"\x89PNG\xff" if is_bytes else self.headers["content-type"].encode())

    def log_message(self, *_):
        """Keep the tests' output clean."""


@pytest.fixture
def echo():
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_the_content_type_follows_the_file(bundle, echo, tmp_path):
    np.save(tmp_path / "rows.npy", np.ones((1, 2)))
    np.save(tmp_path / "rows", np.ones((1, 2)))
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")

    def sent(*arguments):
        return bundle("predict", echo, *arguments).out.strip()

    assert sent("-d", "rows.npy") == "application/x-npy"
    assert sent("-d", "rows.csv") == "text/csv"
    assert sent("-d", "rows.csv", "--type", "application/x-own") == "application/x-own"
    assert bundle("predict", echo, "--json").json == {"answer": "application/json"}


def test_a_server_on_this_machine_is_asked_past_the_proxy(bundle, echo):
    proxy = {"http_proxy": "http://127.0.0.1:1", "no_proxy": ""}

    assert bundle("predict", echo, "--json", **proxy).json == {"answer": "application/json"}


def test_a_redirect_is_told_and_not_taken_for_an_answer(bundle, echo):
    moved = bundle("predict", f"{echo}/models", stdin="[]", code=1)
    assert "is somewhere else: 301, `/models/`." in moved.err


@pytest.mark.skipif(not shutil.which("openssl"), reason="`openssl` is not installed")
def test_a_certificate_that_is_not_trusted_is_told_with_what_makes_it_so(bundle, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "ca.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        server.handle_error = lambda *_: None  # a client that hangs up is no news
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever).start()
        url = f"https://localhost:{server.server_address[1]}"
        try:
            refused = bundle("predict", url, stdin="[]", code=1)
            assert "SSL_CERT_FILE=ca.pem" in refused.err
            trusted = bundle("predict", url, "--json", stdin="[]", SSL_CERT_FILE=str(certificate))
            assert trusted.json == {"answer": "application/json"}
        finally:
            server.shutdown()


@pytest.mark.skipif(not shutil.which("unshare"), reason="`unshare` is not installed")
def test_without_a_loopback_interface_nobody_waits_for_a_server(shop):
    alone = ["unshare", "--user", "--map-root-user", "--net"]
    if subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.skip("there may be no namespaces here")
    command = [*alone, BUNDLE, "predict", "twice", *CURRENT, "--data", "sample.json"]
    settings = os.environ | {"BUNDLE_HOME": str(shop.home)}

    done = subprocess.run(
        command,
        cwd=shop.project,
        env=settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "This machine cannot reach itself" in done.stderr
    assert "hint: Turn the loopback interface on with `ip link set lo up`." in done.stderr


def test_bytes_go_to_stdout_as_they_are_and_are_refused_with_json(bundle, echo):
    refused = bundle("predict", f"{echo}/bytes", "--json", code=1)

    assert "image/png" in refused.json["error"]


def test_every_kind_of_file_is_sent_as_what_it_is_and_the_answer_written_as_its_name_says(
    shop, server, tmp_path
):
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    table = pa.table({"rows": rows.tolist()})
    pq.write_table(table, tmp_path / "rows.parquet")
    with pa.ipc.new_file(tmp_path / "rows.arrow", table.schema) as writer:
        writer.write_table(table)
    np.savez(tmp_path / "rows.npz", rows=rows)
    (tmp_path / "rows.msgpack").write_bytes(msgpack.packb({"instances": rows.tolist()}))
    for suffix in ("parquet", "arrow", "npz"):  # by their first bytes, too
        (tmp_path / f"plain-{suffix}").write_bytes((tmp_path / f"rows.{suffix}").read_bytes())
    for path in sorted(tmp_path.iterdir()):
        answer = shop("predict", server.url, "--data", path)
        assert json.loads(answer.out) == {"predictions": [[2.0, 4.0], [6.0, 8.0]]}, path
    output = tmp_path / "out.parquet"
    said = shop("predict", server.url, "-d", tmp_path / "rows.npz", "-o", output, "--json")
    assert said.json == {
        "output": str(output),
        "content_type": "application/vnd.apache.parquet",
        "bytes": output.stat().st_size,
    }
    assert pq.read_table(output)["predictions"].to_pylist() == [[2.0, 4.0], [6.0, 8.0]]
    told = shop(
        "predict",
        f"{server.url}/",
        "--route",
        "predict",
        "-o",
        tmp_path / "out.bin",
        stdin="[[1, 2]]",
    )
    assert "application/json" in told.out


def test_headers_are_sent_and_no_line_more(shop, server):
    late = shop("predict", server.url, "-H", "X-Request-Timeout: 0", stdin="[[1, 2]]", code=1)
    assert "400" in late.err
    for wrong in ("nothing", ": x", "a: b\r\nc: d"):
        refused = shop("predict", server.url, "--header", wrong, stdin="[]", code=1)
        assert "is not a header" in refused.err


def test_a_file_that_cannot_be_written_is_an_error_of_one_line(shop, server, tmp_path):
    gone = tmp_path / "gone" / "out.json"
    refused = shop("predict", server.url, "-o", gone, stdin="[[1, 2]]", code=1)
    assert "cannot be written" in refused.err
