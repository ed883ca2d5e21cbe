"""A store with made-up models in it, projects on disk, and whether a package index answers."""

import base64
import hashlib
import re
import threading
import zipfile
from contextlib import ExitStack
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from modelbundle.bundler.building.locking.locking import lock
from modelbundle.bundler.project.project import Project
from modelbundle.bundler.requirements.requirements import RUNTIME
from modelbundle.bundler.signing import signing
from modelbundle.bundler.signing.key import KeySigner, KeyVerifier
from modelbundle.bundler.store import Store
from modelbundle.runtime.data.samples import Samples
from modelbundle.runtime.manifests.file_entry import FileEntry
from modelbundle.runtime.manifests.model_manifest import ModelManifest
from modelbundle.runtime.manifests.signature import Field, Side, Signature

from .index_server import Served, serving

PEM = serialization.Encoding.PEM
ROWS = Signature(
    Side("array", (Field("input-0", "float64", (None, 4)),)),
    Side("array", (Field("output-0", "int64", (None,)),)),
)


@pytest.fixture
def own_store(home):
    """The store that `$BUNDLE_HOME` names."""
    return Store(home)


@pytest.fixture
def add_model(own_store):
    """Put a made-up model into the store: right in form, never loaded."""
    return partial(write_model, own_store)


def write_model(
    store, name="iris", *, weights=b"weights", methods=("predict",), executes=False, **given
):
    blob = store.ingest_bytes(weights)
    files = [FileEntry("model.bin", blob.digest, blob.size)]
    for method in methods:
        samples = Samples(method, ([1.0, 2.0, 3.0, 4.0],), (1,))
        sample = store.ingest_bytes(samples.encode())
        files.append(FileEntry(f"samples/{method}.json", sample.digest, sample.size))
    manifest = ModelManifest(
        framework=given.pop("framework", "sklearn"),
        loader="modelbundle.runtime.frameworks.sklearn:Sklearn",
        format="pickle",
        python=given.pop("python", "3.11.7"),
        packages=given.pop("packages", {}),
        methods=given.pop("signatures", dict.fromkeys(methods, ROWS)),
        files=tuple(files),
        executes_code=executes,
        samples={m: f"samples/{m}.json" for m in methods},
    )
    item = store.commit(
        "model", name, manifest.encode(), manifest.files, executes_code=executes, **given
    )
    if executes:
        store.trust.grant(item.digest, "saved here")
    return item


@pytest.fixture
def project(tmp_path):
    """Write a bundlefile and files beside it; the project that they make."""
    return partial(write_project, tmp_path)


def write_project(home, bundlefile, files=(), *, name="project"):
    root = home / name
    root.mkdir(exist_ok=True)
    (root / "bundlefile.yaml").write_text(bundlefile)
    for path, text in dict(files).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return Project.open(root)


@pytest.fixture(scope="session")
def plain_lock(index, tmp_path_factory):
    """The lock of a bundle that needs the runtime alone, resolved once for all tests."""
    store = Store(tmp_path_factory.mktemp("plain"))
    write_model(store)
    written = write_project(tmp_path_factory.mktemp("plain"), "name: x\nmodels: [iris]\n")
    return lock(written, store=store).file.encode()


@pytest.fixture
def locked_project(project, plain_lock):
    """`project`, with a lock beside it that stands as long as nothing more is required."""

    def write(*arguments, **options):
        written = project(*arguments, **options)
        if not (written.root / "bundle.lock").exists():
            (written.root / "bundle.lock").write_bytes(plain_lock)
        return written

    return write


@pytest.fixture(scope="session")
def make_wheel():
    """Write a small real wheel into a folder; its path."""
    return write_wheel


def write_wheel(folder, name, version, requires=(), files=(("here.py", "x = 1\n"),), info=None):
    """Write a small real wheel; the path of it."""
    folder.mkdir(exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    info = info or f"{stem}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {text}\n" for text in requires)
    contents = dict(files) | {
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in contents.items():
        value = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{path},sha256={value.decode()},{len(text)}\n"
    contents[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name_inside, text in contents.items():
            archive.writestr(name_inside, text)
    return path


@pytest.fixture
def serve_index(tmp_path):
    """Start a package index on loopback over an empty folder; any number of them."""
    with ExitStack() as stack:

        def start(name="index", **given):
            served = Served(tmp_path / name, **given)
            served.root.mkdir()
            return stack.enter_context(serving(served))

        yield start


@pytest.fixture
def tiny_index(serve_index, make_wheel, monkeypatch):
    """An index that has what every bundle needs, and `alpha`, each in a few bytes."""
    served = serve_index("tiny-index")
    for line in (*RUNTIME, "alpha"):
        name = re.match(r"[a-z-]+", line)[0]
        make_wheel(served.root / name, name, "99.0", files={f"{name.replace('-', '_')}.py": name})
    monkeypatch.setenv("UV_DEFAULT_INDEX", served.url)
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    return served


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder of wheels and no index at all: what uses it needs no network."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def registry():
    """A registry on loopback: `open/image:1` is public, anything else does not exist."""
    asked = []

    class Registry(BaseHTTPRequestHandler):
        def do_HEAD(self):
            asked.append((self.path, self.headers["Accept"]))
            known = self.path == "/v2/open/image/manifests/1"
            self.send_response(200 if known else 404)
            if known:
                self.send_header("Docker-Content-Digest", "sha256:" + "ab" * 32)
            self.end_headers()

        def log_message(self, *_):
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def key(tmp_path):
    """A key pair: what signs, and what verifies."""
    private = ec.generate_private_key(ec.SECP256R1())
    secret = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(private.private_bytes(PEM, *secret))
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    (tmp_path / "key.pub").write_bytes(private.public_key().public_bytes(PEM, spki))
    return KeySigner.read(tmp_path / "key.pem"), KeyVerifier.read(tmp_path / "key.pub")


@pytest.fixture
def signed(add_model, own_store, key):
    """A model in the store with a signature."""
    item = add_model(version="2.1", weights=b"w" * 10_000)
    signing.sign(item, own_store, key[0])
    return item
