"""A store with made-up models in it, projects on disk, and whether a package index answers."""

import os
import urllib.error
import urllib.request

import pytest

from modelbundle.bundler.project import Project
from modelbundle.bundler.store import Store
from modelbundle.runtime.manifest import FileEntry, ModelManifest
from modelbundle.runtime.samples import Samples
from modelbundle.runtime.signature import Field, Side, Signature

INDEX = os.environ.get("UV_DEFAULT_INDEX", "https://pypi.org/simple")
ROWS = Signature(
    Side("array", (Field("input-0", "float64", (None, 4)),)),
    Side("array", (Field("output-0", "int64", (None,)),)),
)


@pytest.fixture(scope="session")
def index():
    """Skip a test that resolves packages where no index answers."""
    try:
        with urllib.request.urlopen(f"{INDEX}/idna/", timeout=5) as answer:
            answer.read(1)
    except (urllib.error.URLError, OSError) as error:
        pytest.skip(f"the package index {INDEX} does not answer: {error}")
    return INDEX


@pytest.fixture
def own_store(home):
    """The store that `$BUNDLE_HOME` names."""
    return Store(home)


@pytest.fixture
def add_model(own_store):
    """Put a made-up model into the store: right in form, never loaded."""

    def add(name="iris", *, weights=b"weights", methods=("predict",), executes=False, **given):
        blob = own_store.ingest_bytes(weights)
        files = [FileEntry("model.bin", blob.digest, blob.size)]
        for method in methods:
            samples = Samples(method, ([1.0, 2.0, 3.0, 4.0],), (1,))
            sample = own_store.ingest_bytes(samples.encode())
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
        item = own_store.commit(
            "model", name, manifest.encode(), manifest.files, executes_code=executes, **given
        )
        if executes:
            own_store.trust.grant(item.digest, "saved here")
        return item

    return add


@pytest.fixture
def project(tmp_path):
    """Write a bundlefile and files beside it; the project that they make."""

    def write(bundlefile, files=(), *, name="project"):
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        (root / "bundlefile.yaml").write_text(bundlefile)
        for path, text in dict(files).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        return Project.open(root)

    return write
