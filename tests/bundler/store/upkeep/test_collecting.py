"""Garbage collection: frees what nothing needs, and never anything else."""

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from modelbundle.bundler.errors import Damaged, StoreError
from modelbundle.bundler.store import Store
from modelbundle.bundler.store.files.workspace import GRACE, TRASH
from modelbundle.bundler.store.upkeep.reach import Reach


def blobs(store):
    return {path.name for path in (store.root / "blobs/sha256").iterdir()}


def test_what_a_deleted_item_alone_used_is_freed_and_shared_blobs_stay(store, save):
    kept = save("a", files={"w": b"shared"})
    gone = save("b", files={"w": b"shared", "v": b"own" * 1000})
    directory = Store(store.root).directory(gone)
    store.delete(gone)
    would = store.gc(dry_run=True)
    assert would.bytes > 3000
    assert directory.exists()
    done = store.gc()
    assert (done.blobs, done.bytes, done.trees) == (would.blobs, would.bytes, 1)
    assert not directory.exists()
    assert store.verify() == []
    assert (store.directory(kept) / "w").read_bytes() == b"shared"
    assert store.gc().blobs == 0


def test_what_was_taken_in_but_not_committed_stays_while_the_process_lives(store):
    blob = store.ingest_bytes(b"on its way")
    assert store.gc().blobs == 0
    assert store.blob(blob.digest).exists()


CHILD = """
import sys
from pathlib import Path
from modelbundle.bundler.store import Store
store = Store(Path(sys.argv[1]))
blob = store.ingest_bytes(b"half-saved")
with store.staging() as staging:
    (staging / "partial").write_bytes(b"x" * 1000)
    print(blob.digest, flush=True)
    sys.stdin.read()
"""


def child(store):
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(store.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, process.stdout.readline().strip()


def test_a_running_process_keeps_its_files_and_a_killed_one_does_not(store, save):
    save()
    process, digest = child(store)
    with process:
        assert store.gc().blobs == 0
        assert store.blob(digest).read_bytes() == b"half-saved"
        process.kill()
    done = store.gc()
    assert (done.blobs, done.leftovers) == (1, 1)
    assert [
        path.name for path in (store.root / "tmp").iterdir() if str(process.pid) in path.name
    ] == []


def test_a_process_out_of_sight_is_left_alone_for_a_day(store, save):
    save()
    other = store.root / "tmp" / "1.1.another-machine.abcd"
    (other / "held").mkdir(parents=True)
    store.gc()
    assert other.exists()
    old = other.stat().st_mtime - GRACE - 60
    os.utime(other, (old, old))
    assert store.gc().leftovers == 1
    assert not other.exists()


def test_a_held_item_survives_delete_and_collection(store, save):
    item = save()
    directory = Store(store.root).directory(item)
    with store.hold(item):
        store.delete(item)
        assert store.gc().blobs == 0
        assert (directory / "model.bin").read_bytes() == b"weights"
    assert store.gc().blobs == 3


@pytest.mark.parametrize("how", ["hold", "holding", "directory"])
def test_what_is_held_stays_in_a_store_that_was_copied_without_its_empty_folders(store, save, how):
    held, gone = save("held", files={"w": b"held"}), save("gone", files={"w": b"gone"})
    store.gc()
    for folder in ("tmp", "trees", "memo", "trust"):
        shutil.rmtree(store.root / folder, ignore_errors=True)
    copied, other = Store(store.root), Store(store.root)
    with ExitStack() as stack:
        if how == "directory":
            seen = copied.directory(held)
        else:
            (entry,) = copied.files(held)
            given = [held] if how == "hold" else [[held.manifest, entry.digest]]
            stack.enter_context(getattr(copied, how)(*given))
            seen = store.root / "blobs" / "sha256"
        for item in (held, gone):
            other.delete(item)
        assert other.gc().blobs > 0
        assert any(path.is_file() and path.read_bytes() == b"held" for path in seen.iterdir())


def test_what_cannot_be_held_is_told(store, save):
    item = save()
    shutil.rmtree(store.root / "tmp")
    (store.root / "tmp").write_bytes(b"")
    copied = Store(store.root)
    with pytest.raises(StoreError, match=r"Not a directory \(ENOTDIR\)"), copied.hold(item):
        pass
    with pytest.raises(StoreError, match="ENOTDIR"):
        copied.directory(item)


def test_what_cannot_be_let_go_is_no_failure_of_what_has_succeeded(store, save):
    """An archive that is written, or an item that is durable, is not told as lost."""
    item = save()
    with store.hold(item):
        for held in (store._workspace.path / "held").iterdir():
            held.unlink()
            held.mkdir()  # no unlink takes it away
    assert store.verify() == []


def test_a_directory_stays_while_the_process_that_asked_for_it_lives(store, save):
    item = save()
    reader = Store(store.root)
    directory = reader.directory(item)
    store.delete(item)
    store.gc()
    assert (directory / "model.bin").read_bytes() == b"weights"
    del reader
    store.gc()
    assert not directory.exists()


def test_a_collection_that_died_gives_back_what_it_had_in_its_trash(store, save):
    item = save()
    digest = store.files(item)[0].digest
    trash = store.root / "tmp" / "999999999.1.gone.abcd" / TRASH
    trash.mkdir(parents=True)
    store.blob(digest).rename(trash / digest.removeprefix("sha256:"))
    os.utime(trash.parent, (1, 1))
    store.gc()
    assert store.blob(digest).read_bytes() == b"weights"
    assert store.verify() == []


@pytest.mark.parametrize("what", ["ref", "manifest"])
def test_nothing_is_removed_while_a_damaged_item_hides_what_it_needs(store, save, what):
    item = save()
    other = save("other", files={"o": b"o"})
    store.delete(other)
    path = (
        store.root / "refs/models/iris" / item.version
        if what == "ref"
        else store.blob(item.manifest)
    )
    path.chmod(0o644)
    path.write_bytes(b"?" + path.read_bytes()[1:])
    before = blobs(store)
    with pytest.raises(Damaged, match="iris") as caught:
        store.gc()
    assert "delete it" in caught.value.hint
    assert blobs(store) == before
    store.delete(store.items("model")[0])
    assert store.gc().blobs == len(before)


@dataclass(frozen=True, slots=True)
class Interrupted(Reach):
    """Is asked what is needed, while others do something before it says so, or after."""

    moments: list = field(default_factory=list)

    def live(self):
        before, after = self.moments.pop(0)
        before()
        live = Reach.live(self)
        after()
        return live


def interrupted(reach, moments):
    return Interrupted(reach.refs, reach.blobs, reach.tmp, reach.referrers, moments)


@pytest.mark.parametrize("moment", [1, 2])  # after the first answer, before the second one
def test_what_is_saved_while_it_is_removed_stays(store, save, saver, moment):
    """Whoever saves it saw it still there, or already gone."""
    gone, again = save("gone", files={"w": b"gone"}), save("again", files={"w": b"again"})
    for item in (gone, again):
        store.delete(item)
    steps = [lambda: None] * 4
    steps[moment] = lambda: saver(Store(store.root))("again", files={"w": b"again"})
    collector = Store(store.root)._upkeep().collector()
    reach = interrupted(collector.reach, [steps[:2], steps[2:]])
    assert replace(collector, reach=reach).collect(dry_run=False).blobs == 3
    assert store.verify() == []
    assert store.blob(store.files(store.find("again"))[0].digest).read_bytes() == b"again"


def test_a_collection_that_fails_halfway_gives_back_what_it_had_in_its_trash(store, save, saver):
    """Also what is nowhere else, because it has just been saved again."""
    item = save(files={"w": b"weights"})
    store.delete(item)
    damaged = store.root / "refs/models/other/1.0"

    def meanwhile():
        saver(Store(store.root))(files={"w": b"weights"})
        damaged.parent.mkdir(parents=True)
        damaged.write_bytes(b"?")

    collector = Store(store.root)._upkeep().collector()
    steps = [[lambda: None, meanwhile], [lambda: None] * 2]
    with pytest.raises(Damaged, match="other"):
        replace(collector, reach=interrupted(collector.reach, steps)).collect(dry_run=False)
    del collector
    damaged.unlink()
    assert store.verify() == []
    assert store.blob(store.files(store.find("iris"))[0].digest).read_bytes() == b"weights"
    assert store.gc().leftovers == 0


def test_what_a_collection_of_this_process_could_not_give_back_comes_back_with_the_next(
    store, save
):
    item, gone = save(files={"w": b"kept"}), save("gone", files={"w": b"gone"})
    digest = store.files(item)[0].digest
    trash = store._workspace.path / TRASH
    trash.mkdir()
    store.blob(digest).rename(trash / digest.removeprefix("sha256:"))
    store.delete(gone)
    assert store.gc().blobs == 3
    assert store.verify() == []


HALF = """
import sys
from pathlib import Path
from modelbundle.bundler.store import Store
store = Store(Path(sys.argv[1]))
trash = store._workspace.path / "trash"
trash.mkdir()
store.blob(sys.argv[2]).rename(trash / sys.argv[2].removeprefix("sha256:"))
"""


def test_a_process_that_ends_before_it_could_give_back_leaves_that_to_the_next(store, save):
    digest = store.files(save())[0].digest
    subprocess.run([sys.executable, "-c", HALF, str(store.root), digest], check=True)
    assert [damage.path for damage in store.verify()] == ["model.bin"]
    assert store.gc().leftovers == 1
    assert store.verify() == []


def test_what_was_known_of_files_that_are_gone_is_forgotten(store, tmp_path, monkeypatch):
    monkeypatch.setattr("modelbundle.bundler.store.blobs.memo.SETTLED", 0)
    kept, gone = tmp_path / "kept", tmp_path / "gone"
    for path in (kept, gone):
        path.write_bytes(path.name.encode() * 30_000)
        os.utime(path, (1, 1))
    kept, gone = (store.ingest(path).digest for path in (kept, gone))
    (store.root / "memo" / "nonsense").write_bytes(b"?")
    store._workspace.release([gone])
    assert store.gc().blobs == 1
    (memo,) = (store.root / "memo").iterdir()
    assert kept in memo.read_text()


RACER = """
import sys
from pathlib import Path
from modelbundle.bundler.store import Store
from modelbundle.runtime.manifests.file_entry import FileEntry
store = Store(Path(sys.argv[1]))
name, rounds = sys.argv[2], int(sys.argv[3])
for n in range(rounds):
    # Content that others save and delete too: garbage one moment and needed the next.
    data = b"content %d" % (n % 5)
    blob = store.ingest_bytes(data)
    item = store.commit("model", name, b'{"n":%d}' % (n % 5), [FileEntry("w", blob.digest, blob.size)])
    found = store.find(item.tag)
    assert (store.directory(found) / "w").read_bytes() == data, n
    assert store.find(name).digest == item.digest
    if n % 3:
        store.delete(item)
print("done")
"""


def test_writers_readers_and_collections_at_once_lose_nothing(store, save):
    save("start")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(store.root), f"m{n}", "60"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    collector = Store(Path(store.root))
    while any(writer.poll() is None for writer in writers):
        collector.gc()
        assert all(item.damaged is None for item in collector.items("model"))
    for writer in writers:
        out, err = writer.communicate()
        assert (out.strip(), err) == ("done", "")
    assert collector.verify() == []
    collector.gc()
    for item in collector.items("model"):
        assert collector.verify([item]) == []
        collector.directory(item)


def test_a_ref_that_is_a_link_to_nowhere_is_damaged_and_not_deleted(store, save):
    """What it leads to may be a disk that is not mounted now."""
    save("iris", version="1")
    ref = store.root / "refs/models/iris/1"
    ref.unlink()
    ref.symlink_to("/nowhere/1")
    before = blobs(store)
    with pytest.raises(Damaged, match="iris:1"):
        store.gc()
    assert blobs(store) == before
    assert store.repair().left == []
    assert store.find("iris:1")


def test_a_link_that_leads_nowhere_hides_no_garbage(store, save):
    save(files={"w": b"kept"})
    store.delete(save(files={"w": b"garbage" * 99}, version="2"))
    (store.root / "blobs/sha256" / ("0" * 64)).symlink_to("nowhere")

    assert store.gc().bytes > 99 * 7
    assert not (store.root / "blobs/sha256" / ("0" * 64)).is_symlink()
    assert store.verify() == []


@pytest.mark.parametrize("folder", ["refs", "refs/models"])
def test_without_the_folder_of_the_refs_nothing_is_garbage(own_store, add_model, folder):
    """As in a store from a backup that lacks it: `gc` removed every blob."""
    item = add_model("iris")
    shutil.rmtree(own_store.root / folder)
    store = Store(own_store.root)
    with pytest.raises(Damaged, match="`refs/models` is missing"):
        store.gc()
    assert store.usage().reclaimable == 0
    assert store.repair().left == []
    assert store.find("iris").digest == item.digest
    assert store.gc().blobs == 0
