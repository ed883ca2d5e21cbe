"""LayerCache: what images were made of goes when no bundle asks for it, and never under a reader."""

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelbundle.bundler.errors import Damaged, StoreError
from modelbundle.bundler.layers import layer_cache
from modelbundle.bundler.layers.layer_cache import AGE, LayerCache
from modelbundle.bundler.layers.layer_memo import LayerMemo
from modelbundle.bundler.layers.member import Member
from modelbundle.bundler.layers.packages.bytecode import Compiler
from modelbundle.bundler.layers.packages.package_tree import PackageTree, Wanted
from modelbundle.bundler.store import Blob
from modelbundle.runtime import digest
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest
from modelbundle.runtime.manifests.file_entry import FileEntry
from modelbundle.runtime.manifests.settings import ServeSettings

LOCK = digest.of_bytes(b"lock")
OTHER = digest.of_bytes(b"another lock")
SOURCE = b"x = {'a', 'b'}\n"


@pytest.fixture
def bundle(own_store):
    """Commit a bundle with one source and a lock."""

    def commit(name="flowers", lock=LOCK):
        blob = own_store.ingest_bytes(SOURCE)
        files = (FileEntry("server.py", blob.digest, blob.size),)
        manifest = BundleManifest(
            name=name, version=None, description="", labels={}, models=(), service=None,
            routes=(), files=files, python="3.11", lock=lock, hermetic=True,
            accelerator={"kind": "cpu"}, serve=ServeSettings().to_json(), security={},
            image={"platforms": ["linux/amd64"]}, packer="modelbundle 0",
        )  # fmt: skip
        return own_store.commit("bundle", name, manifest.encode(), files)

    return commit


@pytest.fixture
def tree(own_store):
    """A tree of packages of a lock, as if it had been unpacked."""

    def make(lock=LOCK, size=1000):
        found = PackageTree.of(own_store, lock, Wanted("3.11", "linux/amd64", "opt/site"))
        found.directory.mkdir(parents=True)
        (found.directory / "module.py").write_bytes(bytes(size))
        layer_cache.note_lock(found.directory, lock)
        return found

    return make


def compiled(store):
    compiler = Compiler.find("3.11", store)
    if compiler is None:
        pytest.skip("no Python 3.11 is here")
    path = store.root / "blobs" / "sha256" / digest.of_bytes(SOURCE).removeprefix("sha256:")
    source = Member("opt/bundle/server.py", path, len(SOURCE), digest=digest.of_bytes(SOURCE))
    (made,) = compiler.members([source], store)
    return made.content


def test_what_a_bundle_asks_for_stays_and_goes_with_it(own_store, bundle, tree):
    item, kept = bundle(), tree()
    code, memo = compiled(own_store), LayerMemo(own_store.root / "layers")
    memo.made(item.name, [LOCK])
    cache = LayerCache(own_store)
    assert cache.collect().entries == 0
    assert kept.is_there
    assert code.exists()
    own_store.delete(item)
    would = cache.collect(dry_run=True)
    assert would.bytes > code.stat().st_size + 1000
    assert kept.is_there
    assert cache.reclaimable() == would.bytes
    assert cache.collect() == would
    assert not kept.is_there
    assert not code.exists()
    assert memo.last(item.name) == frozenset()
    assert [path for path in (own_store.root / "layers").rglob("*") if path.is_file()] == []


def test_a_tree_of_another_lock_goes_and_one_of_which_nobody_knows(own_store, bundle, tree):
    bundle()
    kept, other = tree(), tree(OTHER)
    unknown = other.directory.with_name("0" * 64)
    unknown.mkdir()
    LayerCache(own_store).collect()
    assert kept.is_there
    assert not other.is_there
    assert not unknown.exists()


def test_a_tree_that_a_process_reads_stays_until_it_ends(own_store, bundle, tree):
    bundle(lock=OTHER)
    found = tree()
    script = (
        "import sys\nfrom pathlib import Path\nfrom modelbundle.bundler.store import Store\n"
        "with Store(Path(sys.argv[1])).holding([sys.argv[2]]):\n"
        "    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(own_store.root), found.key]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        assert LayerCache(own_store).collect().entries == 0
        assert layer_cache.remove(own_store, [found.directory]) == []
        assert (found.directory / "module.py").exists()
        process.stdin.close()
    assert LayerCache(own_store).collect().bytes >= 1000
    assert not found.is_there


def test_a_tree_that_is_taken_up_meanwhile_is_put_back(own_store, tree, monkeypatch):
    """The second question is asked when the tree lies in the trash already."""
    found = tree()
    asked = iter([frozenset(), frozenset({found.key})])
    monkeypatch.setattr(layer_cache.workspace, "all_held", lambda _: next(asked))
    assert layer_cache.remove(own_store, [found.directory]) == []
    assert (found.directory / "module.py").exists()


@pytest.fixture
def full_disk(own_store, monkeypatch):
    """A store in which nothing new can be made."""

    def fails(self):
        raise StoreError("Could not write to the store.") from OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(type(own_store), "staging", fails)


@pytest.mark.usefixtures("full_disk")
def test_on_a_full_disk_what_is_taken_up_meanwhile_is_put_back_as_well(
    own_store, tree, monkeypatch
):
    found, other = tree(), tree(OTHER)
    asked = iter([frozenset(), frozenset({found.key})])
    monkeypatch.setattr(layer_cache.workspace, "all_held", lambda _: next(asked))
    assert layer_cache.remove(own_store, [found.directory, other.directory]) == [other.directory]
    assert (found.directory / "module.py").exists()
    assert not list(other.directory.parent.glob(f"{other.directory.name}*/"))
    assert not list(other.directory.parent.glob("*.gone"))


@pytest.mark.usefixtures("full_disk")
def test_what_was_put_aside_on_a_full_disk_and_left_there_goes_with_the_next_collection(
    own_store, tree
):
    found = tree()
    found.directory.rename(found.directory.with_name(f"{found.directory.name}.gone"))
    assert LayerCache(own_store).collect().entries == 2
    assert not list(found.directory.parent.iterdir())


def test_a_note_without_its_tree_goes(own_store, tree):
    found = tree()
    note = found.directory.with_name(f"{found.directory.name}.lock")
    assert note.exists()
    layer_cache.remove(own_store, [found.directory])
    assert LayerCache(own_store).collect().entries == 1
    assert not note.exists()


def test_a_tree_that_is_held_is_not_moved_at_all(own_store, tree):
    found = tree()
    before = found.directory.stat().st_ctime_ns
    with own_store.staging(), own_store.holding([found.key]):
        assert layer_cache.remove(own_store, [found.directory]) == []
    assert found.directory.stat().st_ctime_ns == before


def test_digests_of_layers_are_forgotten_after_a_month_unless_the_last_image_has_them(own_store):
    memo, blob = LayerMemo(own_store.root / "layers"), Blob(digest.of_bytes(b"layer"), 5)
    used = Blob(digest.of_bytes(b"used"), 4)
    bundle_less = digest.of_bytes(b"key")
    memo.put(bundle_less, blob)
    memo.put(digest.of_bytes(b"other key"), used)
    cache = LayerCache(own_store)
    assert cache.collect().entries == 0
    for path in (own_store.root / "layers" / "known").iterdir():
        os.utime(path, (path.stat().st_mtime - AGE - 60,) * 2)
    memo.made("flowers", [used.digest])
    assert bundle_less.removeprefix("sha256:") in {path.name for path in cache.unused()}
    cache.collect()
    assert memo.get(bundle_less) is None


def test_several_processes_look_for_old_entries_at_once(own_store):
    """Each has files of a moment there, with which it reads the clock of the file system."""
    with own_store.staging():
        (own_store.root / "layers" / "known").mkdir(parents=True)
    for number in range(20):
        (own_store.root / "layers" / "known" / f"{number:064x}").write_text("{}")
    cache = LayerCache(own_store)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: len(cache.unused()), range(100))) == {0}


def test_nothing_goes_while_a_bundle_cannot_be_read(own_store, bundle, tree):
    item, other = bundle(), tree(OTHER)
    path = own_store.root / "refs" / "bundles" / item.name / item.version
    path.write_bytes(b"?" + path.read_bytes()[1:])
    cache = LayerCache(own_store)
    with pytest.raises(Damaged, match="No layers were removed"):
        cache.collect()
    assert cache.reclaimable() == 0
    assert other.is_there
