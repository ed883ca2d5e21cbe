"""A disk without room, for bytes or for names: told, harmless, and mended by `gc`."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from modelbundle.bundler.errors import StoreError
from modelbundle.bundler.store import Store
from modelbundle.bundler.store.files.process import Process
from modelbundle.bundler.store.upkeep.reach import Reach


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


def fill_up(disk):
    """Leave not a byte and not a name."""
    for number in range(1000):
        try:
            (disk / f"filler-{number}").write_bytes(b"x")
        except OSError:
            return


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
    fill_up(disk)
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


@dataclass(frozen=True, slots=True)
class Interrupted(Reach):
    """Is asked twice what is needed, and lets others do something before or after the second."""

    before: Callable[[], object]
    after: Callable[[], object]
    answers: list = field(default_factory=list)

    def live(self):
        if self.answers:
            self.before()
        self.answers.append(Reach.live(self))
        if len(self.answers) == 2:
            self.after()
        return self.answers[-1]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("disk", ["nr_inodes=120"], indirect=True)
def test_what_is_saved_while_a_full_disk_is_freed_stays(disk, saver, moment):
    """There is no room for a folder of trash: who saves finds each blob as safe as elsewhere."""
    store = Store(disk / "store")
    gone, again = (saver(store)(name, files={"w": name.encode()}) for name in ("gone", "again"))
    for item in (gone, again):
        store.delete(item)
    fill_up(disk)

    def meanwhile():
        for path in disk.glob("filler-*"):
            path.unlink()
        saver(Store(disk / "store"))("again", files={"w": b"again"})

    nothing = {"before": lambda: None, "after": lambda: None}
    collector = Store(disk / "store")._upkeep().collector()
    of = collector.reach
    reach = Interrupted(of.refs, of.blobs, of.tmp, of.referrers, **nothing | {moment: meanwhile})
    assert replace(collector, reach=reach).collect(dry_run=False).blobs >= 3
    assert store.verify() == []
    assert store.blob(store.files(store.find("again"))[0].digest).read_bytes() == b"again"
    assert not [path for path in (disk / "store/tmp").iterdir() if path.is_file()]


@pytest.mark.parametrize("owner", [Process.current(), replace(Process.current(), started=1)])
def test_what_a_collection_of_a_full_disk_had_in_hand_comes_back_with_the_next(store, save, owner):
    kept, gone = save(files={"w": b"kept"}), save("gone", files={"w": b"gone"})
    tree = Store(store.root).directory(gone)
    store.delete(gone)
    weights = store.blob(store.files(kept)[0].digest)
    weights.rename(store.root / "tmp" / f"{owner}.{weights.name}")
    tree.rename(store.root / "tmp" / f"{owner}.{tree.name}-tree")
    assert [damage.path for damage in store.verify()] == ["w"]
    assert store.gc().blobs == 3
    assert store.verify() == []
    assert all(path.name.count(".") == 3 and path.is_dir() for path in store.root.glob("tmp/*"))
