"""A registry on loopback that obeys until it is told to lie, and the real one where there is one."""

import base64
import hashlib
import json
import os
import re
import threading
import urllib.request
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from modelbundle.bundler.registry.http.limits import Limits
from modelbundle.bundler.registry.reference import parse
from modelbundle.bundler.registry.remotes.registry import Registry
from modelbundle.bundler.store import Store

QUICK = Limits(connect=2, answer=2, settle=2, window=0.3, pause=0.01, longest=0.2, attempts=3)


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict
    body: bytes


@dataclass
class Liar:
    """What the server has, what it was asked, and where it does not do as it should.

    twists   (method, pattern, function): the first that fits answers instead of the registry;
             a function that returns "go on" has only looked, or has been asked often enough
    """

    server: ThreadingHTTPServer = None
    blobs: dict = field(default_factory=dict)
    manifests: dict = field(default_factory=dict)  # (repository, tag or digest) -> bytes
    uploads: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    twists: list = field(default_factory=list)
    shared: bool = False  # whether blobs of one repository can be seen in the others
    lists: bool = False  # whether it has the referrers API

    @property
    def host(self):
        return f"127.0.0.1:{self.server.server_port}"

    @property
    def url(self):
        return f"http://{self.host}"

    def twist(self, method, pattern, function, times=None):
        left = [times]

        def act(handler):
            if left[0] == 0:
                return "go on"
            if left[0] is not None:
                left[0] -= 1
            return function(handler)

        self.twists.insert(0, (method, re.compile(pattern), act))

    def count(self, method, pattern=""):
        return sum(a.method == method and bool(re.search(pattern, a.path)) for a in self.asked)


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def answering(status, body=b"", **headers):
    """A twist that answers so."""

    def act(handler):
        handler.say(status, body, headers)

    return act


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    liar = None

    def log_message(self, *_):
        """Keep quiet."""

    def handle_one_request(self):
        with suppress(ConnectionError, TimeoutError):
            super().handle_one_request()

    def say(self, status, body=b"", headers=()):
        self.send_response(status)
        given = dict(headers)
        for name, value in given.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in given and "Transfer_Encoding" not in given:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.query = parse_qs(urlsplit(self.path).query)
        self.route = urlsplit(self.path).path
        liar = self.liar
        for method, pattern, act in liar.twists:
            if method == self.command and pattern.search(self.path) and method == "PATCH":
                self.left = length
                if act(self) != "go on":
                    liar.asked.append(Asked(method, self.path, dict(self.headers), b""))
                    return
        self.body = self.rfile.read(length)
        liar.asked.append(Asked(self.command, self.path, dict(self.headers), self.body))
        for method, pattern, act in liar.twists:
            fits = method == self.command and pattern.search(self.path) and method != "PATCH"
            if fits and act(self) != "go on":
                return
        repository, kind, rest = re.fullmatch(
            r"/v2/(.+?)/(manifests|referrers|blobs/uploads|blobs)/(.*)", self.route
        ).groups()
        getattr(self, "_" + kind.replace("/", "_"))(repository, rest)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _serve  # noqa: N815 - http.server's names

    def _manifests(self, repository, wanted):
        liar = self.liar
        if self.command == "PUT":
            liar.manifests[repository, wanted] = self.body
            liar.manifests[repository, sha(self.body)] = self.body
            headers = {"Docker_Content_Digest": sha(self.body)}
            if liar.lists and (subject := json.loads(self.body).get("subject")):
                headers["OCI_Subject"] = subject["digest"]
            return self.say(201, b"", headers)
        data = liar.manifests.get((repository, wanted))
        if data is None:
            return self.say(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
        kind = "application/vnd.oci.image.manifest.v1+json"
        return self.say(200, data, {"Content_Type": kind, "Docker_Content_Digest": sha(data)})

    def _referrers(self, repository, digest):
        if not self.liar.lists:
            return self.say(404)
        found = {
            sha(data): data
            for (place, _), data in self.liar.manifests.items()
            if place == repository and json.loads(data).get("subject", {}).get("digest") == digest
        }
        manifests = [
            {"digest": one, "size": len(data), "artifactType": json.loads(data)["artifactType"]}
            for one, data in found.items()
        ]
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json"}
        return self.say(200, json.dumps(index | {"manifests": manifests}).encode())

    def _blobs(self, repository, digest):
        data = self.liar.blobs.get((repository, digest))
        if data is None:
            return self.say(404, b'{"errors":[{"code":"BLOB_UNKNOWN","message":"no blob"}]}')
        if found := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or ""):
            start = int(found[1])
            stated = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return self.say(206, data[start:], {"Content_Range": stated})
        return self.say(200, data)

    def _blobs_uploads(self, repository, upload):
        act = {"POST": self._begin, "PATCH": self._add, "PUT": self._finish, "GET": self._state}
        return act[self.command](repository, upload)

    def _begin(self, repository, _):
        mount, source = self.query.get("mount"), self.query.get("from")
        if mount and (source[0], mount[0]) in self.liar.blobs:
            self.liar.blobs[repository, mount[0]] = self.liar.blobs[source[0], mount[0]]
            return self.say(201, b"", {"Location": f"/v2/{repository}/blobs/{mount[0]}"})
        upload = uuid.uuid4().hex
        self.liar.uploads[upload] = b""
        return self._where(202, repository, upload)

    def _where(self, status, repository, upload):
        size = len(self.liar.uploads[upload])
        location = f"/v2/{repository}/blobs/uploads/{upload}?_state=x"
        return self.say(status, b"", {"Location": location, "Range": f"0-{max(0, size - 1)}"})

    def _add(self, repository, upload):
        if upload not in self.liar.uploads:
            return self.say(404)
        start = int(self.headers["Content-Range"].partition("-")[0])
        if start != len(self.liar.uploads[upload]):
            return self.say(416)
        self.liar.uploads[upload] += self.body
        return self._where(202, repository, upload)

    def _state(self, repository, upload):
        return (
            self._where(204, repository, upload) if upload in self.liar.uploads else self.say(404)
        )

    def _finish(self, repository, upload):
        if upload not in self.liar.uploads:
            return self.say(404)
        data = self.liar.uploads.pop(upload) + self.body
        if sha(data) != self.query["digest"][0]:
            return self.say(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"no match"}]}')
        self.liar.blobs[repository, sha(data)] = data
        return self.say(201, b"", {"Location": f"/v2/{repository}/blobs/{sha(data)}"})


@pytest.fixture
def make_liar():
    """Start registries of our own; each is ended with the test."""
    started = []

    def make():
        liar = Liar()
        handler = type("Handler", (_Handler,), {"liar": liar, "timeout": 20})
        liar.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        liar.server.daemon_threads = True
        liar.server.block_on_close = False
        thread = threading.Thread(target=liar.server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        started.append((liar.server, thread))
        return liar

    yield make
    for server, thread in started:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def liar(make_liar):
    """One registry of our own."""
    return make_liar()


@pytest.fixture(autouse=True)
def docker_config(tmp_path, monkeypatch):
    """An empty configuration of docker; write `auths` into it."""
    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))

    def write(config):
        (folder / "config.json").write_text(json.dumps(config))

    return write


@pytest.fixture
def connect():
    """A `Registry` for a reference, with little patience."""
    opened = []

    def make(text, access="pull", limits=QUICK):
        registry = Registry(parse(text), access, limits=limits)
        opened.append(registry)
        return registry

    yield make
    for registry in opened:
        registry.close()


@pytest.fixture
def other_store(tmp_path):
    """The store of another machine."""
    return Store(tmp_path / "other")


@pytest.fixture(scope="session")
def real_registry():
    """The registry that `TEST_REGISTRY` names."""
    host = os.environ.get("TEST_REGISTRY")
    if not host:
        pytest.skip("no registry: TEST_REGISTRY is not set")
    try:
        with urllib.request.urlopen(f"http://{host}/v2/", timeout=5):
            return host
    except OSError as error:
        pytest.skip(f"no registry: {host} does not answer: {error}")


@pytest.fixture
def repository(real_registry):
    """A repository of the real registry that nobody else uses."""
    return f"{real_registry}/test-{uuid.uuid4().hex[:12]}/iris"


PASSWORD = "hunter2-hunter2"
DATA = b"a manifest"


@pytest.fixture
def place(liar, connect):
    """A repository with one manifest, tagged `latest`."""
    liar.manifests["team/iris", "latest"] = DATA
    return connect(f"{liar.host}/team/iris")


def auths(host, name="me", password=PASSWORD):
    secret = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"auths": {host: {"auth": secret}}}


def guarded(liar, realm=None, *, token="t0ken", **document):
    """Let the registry ask for a token, which `/token` gives."""
    challenge = f'Bearer realm="{liar.url + "/token" if realm is None else realm}",service="reg"'
    tokens = token if callable(token) else lambda: token

    def check(handler):
        if handler.headers.get("Authorization") == f"Bearer {tokens()}":
            return "go on"
        return handler.say(401, b"{}", {"WWW_Authenticate": challenge})

    def give(handler):
        handler.say(200, json.dumps({"token": tokens()} | document).encode())

    for method in ("GET", "HEAD", "POST", "PUT", "PATCH"):
        liar.twist(method, "^/v2/", check)
    liar.twist("GET", "^/token", give)
    liar.twist("POST", "^/token", give)
