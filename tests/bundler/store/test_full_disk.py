"""A disk without room, for bytes or for names: told, harmless, and mended by `gc`."""

import os
import subprocess

import pytest

from modelbundle.bundler.errors import StoreError
from modelbundle.bundler.store import Store


@pytest.fixture(params=["size=512k", "nr_inodes=120"])
def disk(request, tmp_path):
    """A file system of a few hundred KiB, or of a few files."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", request.param, "tmpfs", path]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs leave to mount")
    yield path
    subprocess.run(["umount", path], check=True)


def test_a_full_disk_refuses_saves_harms_nothing_and_lets_gc_make_room(disk, saver):
    save = saver(Store(disk / "store"))
    saved = []

    def fill():
        for number in range(1000):
            item = save(f"m{number}", files={"w": os.urandom(3000)})
            Store(disk / "store").directory(item)
            saved.append(item)

    with pytest.raises(StoreError, match="ENOSPC") as caught:
        fill()
    assert "bundle gc" in caught.value.hint
    assert str(disk) in str(caught.value)
    while True:  # not a byte and not a name left
        try:
            (disk / f"filler-{len(list(disk.iterdir()))}").write_bytes(b"x")
        except OSError:
            break
    store = Store(disk / "store")
    assert {item.tag for item in saved} <= {item.tag for item in store.items("model")}
    assert store.verify() == []
    for item in saved[:10]:
        store.delete(item)
    before = store.gc(dry_run=True)
    assert store.gc().blobs == before.blobs >= 30
    assert store.verify() == []
    assert saver(store)("again", files={"w": b"fits"}).name == "again"
    assert Store(disk / "store").find("again").name == "again"
