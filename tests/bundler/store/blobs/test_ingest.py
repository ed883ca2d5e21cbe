"""Ingest: files become blobs, hashed once, never torn."""

import hashlib
import itertools
import os
import subprocess
import sys
import threading

import pytest

from modelbundle.bundler.errors import InvalidSource, StoreError
from modelbundle.bundler.store import Store
from modelbundle.bundler.store.blobs import ingest
from modelbundle.runtime.digest import of_bytes


class Counting:
    """Progress that counts hashed bytes."""

    def __init__(self):
        self.bytes = 0

    def step(self, text): ...

    def meter(self, text, total, unit="bytes"):
        from contextlib import nullcontext

        return nullcontext(self)

    def advance(self, amount):
        self.bytes += amount


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.bin"
    path.write_bytes(os.urandom(3_000_000))
    old = path.stat().st_mtime - 60
    os.utime(path, (old, old))
    return path


def test_a_persons_file_is_copied_and_hashed_in_one_pass(store, source):
    watch = Counting()
    blob = store.ingest(source, progress=watch)
    assert (blob.digest, blob.size, watch.bytes) == (
        of_bytes(source.read_bytes()),
        3_000_000,
        3_000_000,
    )
    assert not store.blob(blob.digest).samefile(source)
    source.write_bytes(b"changed by its owner")
    assert of_bytes(store.blob(blob.digest).read_bytes()) == blob.digest


def test_a_file_that_has_not_changed_is_never_hashed_again(store, source, monkeypatch):
    monkeypatch.setattr("modelbundle.bundler.store.blobs.memo.SETTLED", 0)
    first = store.ingest(source)
    watch = Counting()
    assert Store(store.root).ingest(source, progress=watch) == first
    assert watch.bytes == 0
    with source.open("r+b") as file:
        file.write(b"other")
    os.utime(source, ns=(source.stat().st_atime_ns, source.stat().st_mtime_ns))
    assert store.ingest(source, progress=watch) != first


def test_a_file_that_was_just_written_is_not_remembered(store, source):
    source.write_bytes(os.urandom(100_000))
    store.ingest(source)
    assert list((store.root / "memo").iterdir()) == []


def test_a_damaged_memo_is_not_believed(store, source, monkeypatch):
    monkeypatch.setattr("modelbundle.bundler.store.blobs.memo.SETTLED", 0)
    blob = store.ingest(source)
    (memo,) = (store.root / "memo").iterdir()
    memo.write_bytes(memo.read_bytes().replace(b"sha256:", b"sha256;"))
    watch = Counting()
    assert store.ingest(source, progress=watch) == blob
    assert watch.bytes == 3_000_000


def test_a_file_of_ours_is_moved_in_without_a_copy(store):
    with store.staging() as directory:
        path = directory / "weights"
        path.write_bytes(b"weights")
        inode = path.stat().st_ino
        blob = store.ingest(path, move=True)
        assert not path.exists()
        assert store.blob(blob.digest).stat().st_ino == inode


def test_a_hard_linked_file_is_copied_even_when_given_away(store, tmp_path):
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"shared")
    other.hardlink_to(path)
    blob = store.ingest(path, move=True)
    other.write_bytes(b"edited through the other name")
    assert store.blob(blob.digest).read_bytes() == b"shared"
    assert not path.exists()


def test_a_link_is_followed_and_stays(store, tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"x")
    link.symlink_to(target)
    assert store.ingest(link).digest == of_bytes(b"x")
    assert target.exists()


@pytest.mark.parametrize("what", ["directory", "fifo", "device"])
def test_only_regular_files_are_taken_and_nothing_hangs(store, tmp_path, what):
    path = tmp_path / "odd"
    if what == "directory":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(InvalidSource, match="not a regular file"):
        store.ingest(path)


def test_an_absent_file_is_told_by_path(store, tmp_path):
    with pytest.raises(StoreError, match=r"absent.*\(ENOENT\)"):
        store.ingest(tmp_path / "absent")


def test_an_empty_file_is_a_file(store, tmp_path):
    path = tmp_path / "empty"
    path.touch()
    assert store.ingest(path).size == 0


def test_a_file_that_changes_while_it_is_read_is_refused(store, source):
    class Meddler(Counting):
        def advance(self, amount):
            with source.open("ab") as file:
                file.write(b"x")

    with pytest.raises(StoreError, match="changed while it was read"):
        store.ingest(source, progress=Meddler())
    assert not list((store.root / "blobs/sha256").iterdir())


def test_no_room_is_said_before_anything_is_copied(store, source, monkeypatch):
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(ingest.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StoreError, match=r"needs 3,000,000 bytes and has 10 free \(ENOSPC\)"):
        store.ingest(source)


LIMITED = """
import resource, signal, sys
from pathlib import Path
from modelbundle.bundler.errors import StoreError
from modelbundle.bundler.store import Store
store = Store(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    store.ingest(Path(sys.argv[2]))
except StoreError as error:
    print(error)
"""


def test_a_write_that_fails_midway_leaves_nothing(store, source):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, store.root, source],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "File too large (EFBIG)" in done.stdout
    assert str(store.root) in done.stdout
    assert [
        path for path in store.root.rglob("*") if path.is_file() and path.stat().st_size > 100
    ] == []


def test_threads_share_a_store(store, tmp_path):
    blobs, paths = [], [tmp_path / str(n) for n in range(8)]
    for path in paths:
        path.write_bytes(b"same content " * 10_000)
    threads = [threading.Thread(target=lambda p=p: blobs.append(store.ingest(p))) for p in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(blobs) == 8
    assert len(set(blobs)) == 1
    assert len(list((store.root / "blobs/sha256").iterdir())) == 1


def test_what_somebody_swaps_meanwhile_is_one_or_the_other_and_never_a_mixture(store, tmp_path):
    """The bytes that are hashed are the bytes that are kept, whoever changes the path."""
    path, over = tmp_path / "model.bin", threading.Event()
    contents = [bytes([number]) * 200_000 for number in range(2)]
    kinds = [tmp_path / "one", tmp_path / "two"]
    for kind, content in zip(kinds, contents, strict=True):
        kind.write_bytes(content)

    def swap():
        for number in itertools.count():
            if over.is_set():
                return
            other = tmp_path / "next"
            if number % 2:
                other.symlink_to(kinds[number // 2 % 2])
            else:
                os.link(kinds[number // 2 % 2], other)
            other.replace(path)

    path.write_bytes(contents[0])
    attacker = threading.Thread(target=swap)
    attacker.start()
    known = {"sha256:" + hashlib.sha256(content).hexdigest() for content in contents}
    try:
        taken = {store.ingest(path).digest for _ in range(150)}
    finally:
        over.set()
        attacker.join()
    assert taken <= known
    for digest in taken:
        data = store.blob(digest).read_bytes()
        assert "sha256:" + hashlib.sha256(data).hexdigest() == digest
