"""A proxy stands between us and others, never between us and this machine."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from modelbundle.bundler.http_opener import opened


class Told(BaseHTTPRequestHandler):
    """Answers with what it was asked for: a proxy is asked for a whole URL."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *_):
        """Keep the tests' output clean."""


@pytest.fixture
def server():
    with HTTPServer(("127.0.0.1", 0), Told) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_only_others_are_asked_by_way_of_a_proxy(server, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://{server}")
    monkeypatch.setenv("no_proxy", "")

    with opened("http://elsewhere.invalid/readyz", 5) as answer:
        assert answer.read() == b"http://elsewhere.invalid/readyz"
    with opened(f"http://{server}/readyz", 5) as answer:
        assert answer.read() == b"/readyz"
