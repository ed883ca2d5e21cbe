"""What a store has acknowledged is on the disk: every byte of it, and every name that leads there.

`test_power_cut` cuts a file system off; here every order of writing is looked at that an ext4 of
this day would forgive.
"""

import pytest

from modelbundle.bundler.archives import export_item, import_item
from modelbundle.bundler.store import Store
from modelbundle.bundler.store.files import barrier, disk
from modelbundle.bundler.store.upkeep.copies import FolderCopies
from modelbundle.runtime import digest as digests
from modelbundle.runtime.manifests.file_entry import FileEntry

from ..drive import Drive, there

# Drafts; what is only for other processes to see; what is made again from the rest.
PASSING = ("/tmp", "/counter", "/index.json", "/memo")


class Libc:
    """The system's own, of which one call is written down."""

    def __init__(self, drive, root):
        self._libc, self._drive, self._root = barrier._libc(), drive, root
        self.fstatfs = self._libc.fstatfs

    def syncfs(self, descriptor):
        result = self._libc.syncfs(descriptor)
        self._drive.keep(self._root)
        return result


@pytest.fixture
def drive(monkeypatch, tmp_path):
    made = Drive(monkeypatch)
    libc = Libc(made, tmp_path)
    monkeypatch.setattr(barrier, "_libc", lambda: libc)
    yield made
    made.close()


def check(drive, store):
    """Nothing would be lost, and nothing that was deleted would be back."""
    root = f"/{store.root.name}"
    below = drive.left(store.root.parent).items()
    found = {path.removeprefix(root): state for path, state in below if path.startswith(root)}
    left, now = lasting(found), lasting(there(store.root))
    assert now.items() <= left.items()
    back = {path for path in left.keys() - now.keys() if not path.startswith("/blobs/")}
    assert not back  # of blobs, they would be collected again
    return now


def lasting(files):
    return {path: state for path, state in files.items() if not path.startswith(PASSING)}


def test_a_save_lasts(drive, store, save):
    item = save(version="1", aliases=["prod"], files={"a": b"1", "b/c": b"2"}, executable=["a"])
    now = check(drive, store)
    assert {"/refs/models/iris/1", "/refs/models/iris/@prod"} <= now.keys()
    assert sum(path.startswith("/blobs/sha256/") for path in now) == 4
    save(version="2", files={"a": b"3"})
    check(drive, store)
    assert store.find("iris:1").digest == item.digest
    numbers = [int(name) for name in drive.names(store.root / "counter")]
    assert max(numbers) >= store.find("iris:2").sequence > item.sequence


def test_a_save_lasts_whose_folder_another_process_has_just_made(drive, store, save):
    save(name="rose")
    (store.root / "refs" / "models" / "iris").mkdir()  # and has got no further
    save(version="1")
    assert "/refs/models/iris/1" in check(drive, store)


def test_names_last_and_go(drive, store, save):
    item = save(version="1")
    store.alias(item, "prod")
    assert "/refs/models/iris/@prod" in check(drive, store)
    store.unalias("model", "iris", "prod")
    assert "/refs/models/iris/@prod" not in check(drive, store)
    store.trust.grant(item.digest, "said here")
    assert f"/trust/{item.digest.removeprefix('sha256:')}" in check(drive, store)
    store.trust.revoke(item.digest)
    check(drive, store)
    store.delete(item)
    assert "/refs/models/iris/1" not in check(drive, store)


def test_trust_lasts_that_another_process_has_just_written(drive, store, save, monkeypatch):
    item = save()
    with monkeypatch.context() as patched:
        patched.setattr(disk, "sync_directory", lambda _: None)  # it was killed before
        store.trust.grant(item.digest, "said here")
    store.trust.grant(item.digest, "said here")
    assert f"/trust/{item.digest.removeprefix('sha256:')}" in check(drive, store)


def test_a_file_that_is_taken_in_lasts_and_what_refers_to_the_item(drive, store, save, tmp_path):
    (tmp_path / "weights").write_bytes(b"of a file")
    blob = store.ingest(tmp_path / "weights")
    with store.staging() as directory:
        (directory / "a").write_bytes(b"adopted")
        other = store.adopt(directory / "a", digests.of_bytes(b"adopted"))
    files = [FileEntry("a", blob.digest, blob.size), FileEntry("b", other.digest, other.size)]
    item = store.commit("model", "iris", b"{}", files)
    referrer = store.referrers.attach(item, "application/x", b"about it")
    now = check(drive, store)
    for digest in (blob.digest, other.digest, *referrer.blobs):
        assert f"/blobs/sha256/{digest.removeprefix('sha256:')}" in now


def test_what_is_repaired_lasts(drive, store, save, tmp_path):
    item = save(version="1", files={"w": b"weights"})
    store.trust.grant(item.digest, "said here")
    spoilt = [
        store.root / "oci-layout",
        store.root / "refs/models/iris/1",
        store.root / "trust" / item.digest.removeprefix("sha256:"),
        store.blob(store.files(item)[0].digest),
    ]
    for path in spoilt:
        path.chmod(0o644)
        path.write_bytes(b"[]")
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup/any").write_bytes(b"weights")
    repaired = store.repair(copies=[FolderCopies(tmp_path / "backup")])
    assert repaired.left == []
    check(drive, store)
    assert not [path for path in spoilt if path.read_bytes() == b"[]"]


@pytest.mark.parametrize("count", [3, 100])
def test_many_files_at_once_last(drive, store, count):
    with store.batch() as batch:
        blobs = [batch.ingest_bytes(b"%d" % number) for number in range(count)]
    files = [FileEntry(f"w{i}", blob.digest, blob.size) for i, blob in enumerate(blobs)]
    store.commit("model", "iris", b"{}", files)
    assert len([path for path in check(drive, store) if path.startswith("/blobs")]) == count + 2


def test_what_was_collected_leaves_what_is_in_use(drive, store, save):
    save("kept")
    store.delete(save("gone", files={"a": b"gone"}))
    store.gc()
    check(drive, store)


@pytest.mark.parametrize("form", ["m.tar", "layout"])
def test_an_archive_lasts_and_what_is_imported_from_it(drive, own_store, add_model, tmp_path, form):
    place = tmp_path / "out"
    place.mkdir()
    export_item(own_store, add_model(version="1"), str(place / form))
    assert drive.left(place) == there(place)
    store = Store(tmp_path / "other")
    import_item(store, str(place / form))
    assert "/refs/models/iris/1" in check(drive, store)
