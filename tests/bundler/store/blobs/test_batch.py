"""A batch: nothing of it is in the store before all of it is durable."""

import os

import pytest

from modelbundle.bundler.errors import StoreError
from modelbundle.bundler.store import Store
from modelbundle.bundler.store.files import barrier, disk
from modelbundle.runtime.digest import of_bytes
from modelbundle.runtime.manifests.file_entry import FileEntry


@pytest.fixture
def many(tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(100):
        (folder / str(number)).write_bytes(b"%d" % (number % 90))  # ten of them twice
    return sorted(folder.iterdir())


def blobs(store):
    return {"sha256:" + path.name for path in (store.root / "blobs/sha256").iterdir()}


def test_all_come_at_once_and_stay_through_a_collection(store, many, tmp_path):
    large = tmp_path / "large"
    large.write_bytes(os.urandom(200_000))
    with store.batch() as batch:
        taken = [batch.ingest(path) for path in [*many, large]]
        taken += [batch.ingest_bytes(b"bytes"), batch.ingest_bytes(b"bytes")]
        assert blobs(store) == set()
    assert blobs(store) == {blob.digest for blob in taken}
    store.gc()
    entries = [FileEntry(str(n), blob.digest, blob.size) for n, blob in enumerate(taken)]
    store.commit("model", "many", b"{}", entries)
    assert store.verify() == []
    assert list((store.root / "tmp").glob("*/held/*")) == []
    store.delete(store.find("many"))
    assert store.gc().blobs == 92 + 2
    assert all(path.exists() for path in [*many, large])


def test_what_is_there_is_not_written_again_and_what_is_damaged_is(store, many):
    for path in many[:2]:
        store.ingest(path)
    there = {path: store.blob(of_bytes(path.read_bytes())) for path in many[:2]}
    there[many[1]].chmod(0o644)
    there[many[1]].write_bytes(b"!")
    before = there[many[0]].stat().st_ino
    with store.batch() as batch:
        for path in many:
            batch.ingest(path)
    assert there[many[0]].stat().st_ino == before
    assert there[many[1]].read_bytes() == many[1].read_bytes()
    assert there[many[1]].stat().st_mode & 0o777 == 0o444


def test_a_file_given_away_is_moved_in_without_a_copy(store):
    with store.staging() as directory, store.batch() as batch:
        path = directory / "weights"
        path.write_bytes(b"weights")
        inode = path.stat().st_ino
        blob = batch.ingest(path, move=True)
    assert store.blob(blob.digest).stat().st_ino == inode
    assert not path.exists()


def take(store, paths):
    with store.batch() as batch:
        for path in paths:
            batch.ingest(path)


def test_an_end_without_success_leaves_nothing(store, many):
    with pytest.raises(StoreError, match=r"absent.*\(ENOENT\)"):
        take(store, [*many, many[0].with_name("absent")])
    assert blobs(store) == set()
    assert [path.name for path in (store.root / "tmp").glob("*/*")] == ["held"]


@pytest.mark.parametrize("count", [10, 100])
def test_a_failed_sync_is_a_failed_batch(store, many, monkeypatch, count):
    def refuse(*_):
        raise OSError(5, os.strerror(5), str(store.root))

    monkeypatch.setattr(disk, "sync_file", refuse)
    monkeypatch.setattr(barrier, "_check", refuse)
    with pytest.raises(StoreError, match="EIO"):
        take(store, many[:count])
    assert blobs(store) == set()
    monkeypatch.undo()
    take(store, many[:count])
    assert len(blobs(Store(store.root))) == min(count, 90)
