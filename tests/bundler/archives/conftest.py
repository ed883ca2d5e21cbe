"""Two stores: one to export from, one to import into; and made-up items that are right in form."""

import pytest

from modelbundle.bundler.store import Store
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest
from modelbundle.runtime.manifests.file_entry import FileEntry
from modelbundle.runtime.manifests.model_entry import ModelEntry
from modelbundle.runtime.manifests.model_manifest import ModelManifest


@pytest.fixture
def here(home):
    """The store that `$BUNDLE_HOME` names."""
    return Store(home)


@pytest.fixture
def there(tmp_path):
    """Another machine's."""
    return Store(tmp_path / "there")


@pytest.fixture
def model(add_model):
    """A model with a few files."""
    return add_model("iris", weights=b"weights" * 1000)


def make_bundle(store, model, *, name="shop", files=None, **given):
    """A made-up bundle around one stored model."""
    entries = [
        FileEntry(f"models/iris/{entry.path}", entry.digest, entry.size)
        for entry in store.files(model)
    ]
    entries.append(FileEntry("models/iris/model.json", model.digest, len(store.config(model))))
    for path, data in (files or {"server.py": b"print()", "run.sh": b"#!/bin/sh"}).items():
        blob = store.ingest_bytes(data)
        entries.append(FileEntry(path, blob.digest, blob.size, path.endswith(".sh")))
    manifest = BundleManifest(
        name=name,
        version=None,
        description="",
        labels={},
        models=(ModelEntry("iris", "iris", model.version, model.digest, "sklearn", False),),
        service=None,
        routes=(),
        files=tuple(sorted(entries, key=lambda entry: entry.path)),
        python="3.11",
        lock=None,
        hermetic=True,
        accelerator={},
        serve={},
        security={},
        image={},
        packer="test",
    )
    return store.commit("bundle", name, manifest.encode(), manifest.files, **given)


@pytest.fixture
def bundle(here, model):
    """A bundle with that model in it."""
    return make_bundle(here, model)


@pytest.fixture(name="make_bundle")
def make_bundle_here(here):
    """Make one with other files."""
    return lambda model, **given: make_bundle(here, model, **given)


@pytest.fixture
def manifest_of():
    """The model.json of an item, as an object."""
    import json

    return lambda store, item: ModelManifest.from_json(json.loads(store.config(item)))
