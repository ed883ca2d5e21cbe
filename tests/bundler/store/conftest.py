"""A store and a quick way to save into it."""

import pytest

from modelbundle.bundler.store import Store
from modelbundle.runtime import canonical
from modelbundle.runtime.manifests.file_entry import FileEntry


class Saver:
    """Saves made-up models: files by name, given as bytes."""

    def __init__(self, store):
        self.store = store

    def __call__(self, name="iris", files=None, *, kind="model", executable=(), **options):
        files = {"model.bin": b"weights"} if files is None else files
        entries = []
        for path, data in files.items():
            blob = self.store.ingest_bytes(data)
            entries.append(FileEntry(path, blob.digest, blob.size, path in executable))
        config = canonical.dumps({"files": [entry.to_json() for entry in entries]})
        return self.store.commit(kind, name, config, entries, **options)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def save(store):
    return Saver(store)


@pytest.fixture(scope="session")
def saver():
    """Saver itself, for tests with several stores."""
    return Saver
