"""The hub on loopback: what is fetched, what is checked, what is refused before it is fetched."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from safetensors.numpy import save

from modelbundle.bundler.errors import InvalidSource, RegistryError
from modelbundle.bundler.progress import NullProgress
from modelbundle.bundler.saving.foreign import hub, remote

COMMIT = "c0ffee" * 6 + "c0ff"
WEIGHTS = save({"w": np.zeros(30_000, "float32")})
FILES = {
    "config.json": json.dumps({"architectures": ["BertModel"]}).encode(),
    "model.safetensors": WEIGHTS,
    "tokenizer.json": b"{}",
    "modeling_own.py": b"raise SystemExit('ran')",
    "pytorch_model.bin": b"\x80\x04.",
    "../escape.json": b"{}",
}


class Hub:
    """A small hub, and the storage that it sends to."""

    def __init__(self):
        self.files = dict(FILES)
        self.sent = {}  # other bytes than are listed
        self.asked = []
        self.private = False
        self.servers = [self._serve() for _ in range(2)]
        self.url, self.storage = (
            f"http://127.0.0.1:{server.server_port}" for server in self.servers
        )

    def _serve(self):
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                hub.asked.append((self.path, self.headers.get("Authorization")))
                status, body, location = hub.answer(self.path, self.headers.get("Authorization"))
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Keep quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def answer(self, path, authorization):
        if path.startswith("/stored/"):
            name = path.removeprefix("/stored/")
            return 200, self.sent.get(name, self.files[name]), None
        if self.private and authorization != "Bearer secret":
            return 401, b"", None
        if path == "/api/models/o/n/revision/v1?blobs=true":
            return (
                200,
                json.dumps({"sha": COMMIT, "siblings": list(self.siblings())}).encode(),
                None,
            )
        name = path.removeprefix(f"/o/n/resolve/{COMMIT}/")
        if name not in self.files:
            return 404, b"", None
        if name.endswith(".safetensors"):
            return 302, b"", f"{self.storage}/stored/{name}"
        return 200, self.sent.get(name, self.files[name]), None

    def siblings(self):
        for name, data in self.files.items():
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            entry = {"rfilename": name, "size": len(data), "blobId": blob}
            if name.endswith(".safetensors"):
                digest = hashlib.sha256(data).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": len(data)}
            yield entry

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()


@pytest.fixture
def served(monkeypatch, tmp_path):
    server = Hub()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    yield server
    server.close()


@pytest.fixture
def fetch(tmp_path):
    def fetched(source="hf://o/n@v1"):
        directory = tmp_path / "fetched"
        directory.mkdir()
        return remote.fetch(source, directory, NullProgress())

    return fetched


def test_only_data_is_fetched_and_it_is_what_was_listed(served, fetch):
    folder = fetch()
    assert folder.names() == ["config.json", "model.safetensors", "tokenizer.json"]
    assert folder.read("model.safetensors") == WEIGHTS
    asked = [path for path, _ in served.asked]
    assert not [path for path in asked if "modeling" in path or "pytorch" in path or ".." in path]


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
@pytest.mark.parametrize("other", ["changed", "short", "long"])
def test_other_bytes_are_refused(served, fetch, name, other):
    data = FILES[name]
    changed = bytes([data[0] ^ 1]) + data[1:]
    served.sent[name] = {"changed": changed, "short": data[:-1], "long": data + b"x"}[other]
    with pytest.raises(RegistryError, match=r"other bytes|broke off"):
        fetch()


def test_code_of_its_own_is_refused_before_the_weights_are_fetched(served, fetch):
    served.files["config.json"] = b'{"architectures": ["X"], "auto_map": {}}'
    with pytest.raises(InvalidSource, match="trust_remote_code"):
        fetch()
    assert not [path for path, _ in served.asked if "safetensors" in path]


def test_a_token_goes_to_the_hub_alone(served, fetch, monkeypatch):
    served.private = True
    monkeypatch.setenv("HF_TOKEN", "secret")
    fetch()
    stored = [token for path, token in served.asked if path.startswith("/stored/")]
    assert stored == [None]


def test_what_is_private_names_the_token(served, fetch):
    served.private = True
    with pytest.raises(InvalidSource, match="401") as caught:
        fetch()
    assert "HF_TOKEN" in caught.value.hint


@pytest.mark.parametrize(
    "source",
    [
        "hf://",
        "hf://o/n/m",
        "hf://../n",
        "hf://o/n@../../x",
        "hf://o/n@a b",
        "hf://o/\x1b",
        "hf://o/n?x=1",
    ],
)
def test_odd_names_ask_nobody(served, fetch, source):
    with pytest.raises(InvalidSource, match="not a repository"):
        fetch(source)
    assert served.asked == []


def test_a_hub_without_tls_is_refused(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example.com")
    with pytest.raises(InvalidSource, match="HF_ENDPOINT"):
        hub.Repository.parse("hf://o/n")


@pytest.mark.parametrize(
    "entry",
    [
        {"rfilename": 3},
        {"rfilename": 3, "size": 1, "blobId": "0"},
        {"rfilename": "config.json", "size": float("inf"), "blobId": "0"},
    ],
)
def test_the_listing_of_a_liar_is_told(served, fetch, entry):
    served.files = {"config.json": b"{}"}
    served.siblings = lambda: [entry]
    with pytest.raises(RegistryError, match="listing"):
        fetch()


def test_a_tracking_server_needs_mlflow(fetch, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(Exception, match=r"modelbundle\[mlflow\]"):
        fetch("models:/iris@champion")


@pytest.mark.parametrize(
    ("storage", "said"), [("https://[x", "invalid address"), ("http://example.com", "without TLS")]
)
def test_a_redirect_to_an_address_that_is_none_or_not_safe(served, fetch, storage, said):
    served.storage = storage
    with pytest.raises(RegistryError, match=said):
        fetch()
