"""Hostile archives: each is refused in one line, and nothing of it is left anywhere."""

import os
import re
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from modelbundle.bundler.archives import export_item, import_item
from modelbundle.bundler.errors import NotAnArchive
from modelbundle.runtime.errors import BundleError

sys.path.insert(0, str(Path(__file__).parent))
import hostile_archives as hostile

WAYS = ["file", "pipe", "zstd"]


@pytest.fixture
def kit(here, model):
    """The parts of a sound archive of a small model."""
    contents = {e.path: here.blob(e.digest).read_bytes() for e in here.files(model)}
    return hostile.Kit(here.config(model), contents)


@pytest.fixture
def target(there, add_model, here, tmp_path):
    """A store with something in it, and what it looks like."""
    add_model("old", weights=b"old")
    export_item(here, here.find("old"), str(tmp_path / "old.tar"))
    import_item(there, str(tmp_path / "old.tar"))
    (tmp_path / "old.tar").unlink()
    return there


def seen(root):
    """Every file below `root` with what tells that it was touched; directories by name."""
    return {
        str(path): (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        for path in sorted(root.rglob("*"))
        if not (stat := path.lstat()).st_mode & 0o040000
    }


class Way:
    """One way in which an archive may come."""

    def __init__(self, name, tmp_path):
        self.name, self.path = name, tmp_path / "in" / "archive"
        self.path.parent.mkdir()

    def take(self, store, data):
        if self.name == "pipe":
            return self._through_pipe(store, data)
        if self.name == "zstd":
            import zstandard

            data = zstandard.compress(data)
        self.path.write_bytes(data)
        try:
            return import_item(store, str(self.path))
        finally:
            self.path.unlink()

    def _through_pipe(self, store, data):
        reading, writing = os.pipe()

        def write():
            try:
                with os.fdopen(writing, "wb") as file:
                    file.write(data)
            except BrokenPipeError:
                pass

        writer = threading.Thread(target=write)
        writer.start()
        try:
            return import_item(store, f"/dev/fd/{reading}")
        finally:
            os.close(reading)
            writer.join()


@pytest.fixture(params=WAYS)
def way(request, tmp_path):
    return Way(request.param, tmp_path)


def refusal(way, store, data, reason):
    """What is wrong with how an archive was refused."""
    try:
        return f"accepted: {way.take(store, data)}"
    except BundleError as error:
        said = str(error)
        is_told = error.exit_code in {2, 6} or isinstance(error, NotAnArchive)
        is_good = said.isprintable() and len(said) < 600 and is_told
        return (
            None if is_good and re.search(reason, said) else f"{error.exit_code}: {said[:1000]!r}"
        )
    except Exception as error:  # noqa: BLE001 - the finding
        return f"raised: {error!r}"


def test_the_sound_archive_that_all_others_come_from_is_taken(kit, target, way):
    came = way.take(target, hostile.tar(kit.members()))
    assert came.item.tag == "iris:1"
    directories = hostile.member("blobs/", b"", kind=b"5") + hostile.member(
        "blobs/sha256/", b"", kind=b"5"
    )
    assert way.take(target, directories + hostile.tar(kit.members()) + bytes(10240)).written == 0
    assert target.verify() == []


def test_every_hostile_archive_is_refused_and_leaves_nothing(kit, target, way, tmp_path):
    archives = hostile.build(kit)
    assert len(archives) > 300
    before = seen(tmp_path)
    wrong = {}
    for what, data in archives.items():
        started = time.monotonic()
        reason = hostile.REASONS.get(what.partition(": ")[0] + ": ", "")
        if fault := refusal(way, target, data, reason):
            wrong[what] = fault
        if (now := seen(tmp_path)) != before:
            wrong.setdefault(what, f"left {sorted(now.items() ^ before.items())[:3]}")
            before = now
        assert time.monotonic() - started < 20, what
    assert not wrong, "\n".join(f"{what}: {fault}" for what, fault in wrong.items())
    assert not Path("/tmp/escape").exists()
    assert [item.name for item in target.items("model")] == ["old"]
    assert target.verify() == []


COMMAND = """
import sys
from pathlib import Path
from modelbundle.bundler.archives import import_item
from modelbundle.bundler.store import Store
from modelbundle.runtime.errors import BundleError
for path in sys.argv[2:]:
    try:
        import_item(Store(Path(sys.argv[1])), path)
        print("accepted", path)
    except BundleError as error:
        print("refused", error)
"""


def confined(store, *paths, memory, disk=128 << 20):
    """What another process says that may have only so much memory, and write only so much."""

    def confine():
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_FSIZE, (disk, disk))

    done = subprocess.run(
        [sys.executable, "-c", COMMAND, store.root, *paths],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=confine,
        timeout=120,
    )
    assert not done.stderr
    return done.stdout.splitlines()


def test_memory_stays_small_whatever_comes(kit, target, tmp_path):
    archives = hostile.build(kit)
    heavy = [what for what, data in archives.items() if len(data) > 1 << 20]
    assert len(heavy) >= 5
    paths = [tmp_path / f"{number}.tar" for number in range(len(heavy))]
    for path, what in zip(paths, heavy, strict=True):
        path.write_bytes(archives[what])

    said = confined(target, *paths, memory=700 << 20)

    assert [line.partition(" ")[0] for line in said] == ["refused"] * len(heavy)


def zeros(member, total):
    """A zstd stream of some bytes and then zeros, made piece by piece."""
    import zstandard

    packer, piece = zstandard.ZstdCompressor(level=1).compressobj(), bytes(16 << 20)
    pieces = [packer.compress(data) for data in (member, *[piece] * (total // len(piece)))]
    return b"".join(pieces) + packer.flush()


def test_a_bomb_does_not_go_off(kit, target, tmp_path):
    """Two gigabytes of zeros: behind no header, behind the documents, as the blob itself."""
    size = 2 << 30
    huge = kit.file("model.bin", b"", size=size) | {"digest": "sha256:" + "cd" * 32}
    told = hostile.tar_start(kit, [huge])
    blob = hostile.header("blobs/sha256/" + "cd" * 32, size)
    documents = hostile.tar(kit.members()[:4])[: -len(hostile.END)]
    for name, start in {
        "plain": b"",
        "unknown": documents + hostile.header("blobs/sha256/" + "ef" * 32, size),
        "index": hostile.header("index.json", size),
        "announced": told + blob,
    }.items():
        (tmp_path / name).write_bytes(zeros(start, size))
    paths = [tmp_path / name for name in ("plain", "unknown", "index", "announced")]

    said = confined(target, *paths, memory=700 << 20)

    assert [line.partition(" ")[0] for line in said] == ["refused"] * len(paths)
    assert "become more than" in said[-1] or "EFBIG" in said[-1], said[-1]
    assert [item.name for item in target.items("model")] == ["old"]
