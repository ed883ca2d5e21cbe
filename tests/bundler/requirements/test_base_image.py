"""What a registry says of a tag, asked over a real connection."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from modelbundle.bundler.requirements.base_image import find_digest, split

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("python:3.11-slim", ("registry-1.docker.io", "library/python", "3.11-slim")),
        ("nvidia/cuda:13", ("registry-1.docker.io", "nvidia/cuda", "13")),
        ("docker.io/library/python", ("registry-1.docker.io", "library/python", "latest")),
        ("localhost:5000/a/b:c", ("localhost:5000", "a/b", "c")),
        ("ghcr.io/x/y", ("ghcr.io", "x/y", "latest")),
        ("python:3@sha256:00", ("registry-1.docker.io", "library/python", "3")),
    ],
)
def test_references_are_read_as_docker_reads_them(reference, parts):
    assert split(reference) == parts


def test_the_registry_is_asked_for_the_digest_of_the_index(registry):
    host, asked = registry
    assert find_digest(f"{host}/open/image:1") == DIGEST
    assert "image.index.v1+json" in asked[0][1]


def test_a_digest_in_the_reference_needs_no_registry():
    assert find_digest(f"127.0.0.1:9/x@{DIGEST}") == DIGEST


def test_no_answer_is_none(registry):
    host, _ = registry
    assert find_digest(f"{host}/other/image:1") is None
    assert find_digest("127.0.0.1:9/open/image:1") is None


def test_a_challenge_that_sends_elsewhere_than_https_is_not_followed():
    class Challenger(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Bearer realm="http://127.0.0.1:9/token"')
            self.end_headers()
            self.wfile.write(json.dumps({}).encode() if self.command != "HEAD" else b"")

        def log_message(self, *_):
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Challenger)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        assert find_digest(f"127.0.0.1:{server.server_port}/open/image:1") is None
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
