"""Repair: a damaged store is mended from copies whose digest is right, and from nothing else."""

import hashlib
import random
import shutil

import pytest

from modelbundle.bundler.errors import NotFound
from modelbundle.bundler.store import Blob, Store
from modelbundle.bundler.store.upkeep.copies import FolderCopies


def spoil(path, data=None):
    """Flip one bit, or write something else in place."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    content = bytearray(path.read_bytes() if data is None else data)
    if data is None:
        content[len(content) // 2] ^= 4
    path.write_bytes(content)
    path.chmod(mode)


def backup(path, files):
    path.mkdir()
    for number, data in enumerate(files):
        (path / f"any-{number}").write_bytes(data)
    return FolderCopies(path)


def test_a_sound_store_is_left_alone(store, save):
    save()
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}
    repaired = store.repair()
    assert (repaired.mended, repaired.left) == ([], [])
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*")} == before


def test_a_blob_comes_back_from_another_directory_by_its_bytes_alone(store, save, tmp_path):
    item = save(files={"w": b"weights" * 99, "v": b"other"})
    entry = next(entry for entry in store.files(item) if entry.path == "w")
    spoil(store.blob(entry.digest))
    copies = backup(tmp_path / "backup", [b"weights" * 98 + b"WEIGHTS", b"weights" * 99])

    repaired = store.repair(copies=[copies])

    assert [(one.tag, one.path) for one in repaired.mended] == [(f"model:{item.tag}", "w")]
    assert repaired.left == []
    assert store.verify() == []
    assert store.blob(entry.digest).read_bytes() == b"weights" * 99
    assert store.blob(entry.digest).stat().st_mode & 0o777 == 0o444


def test_it_needs_no_mark_on_the_disk(store, save, tmp_path):
    """A failing disk may refuse `damaged/`, and one attempt is to be enough."""
    item = save()
    blob = store.blob(store.files(item)[0].digest)
    copies = backup(tmp_path / "copy", [blob.read_bytes()])
    spoil(blob)
    (store.root / "damaged").write_text("no folder can be made here")
    assert len(store.repair(copies=[copies]).left) == 0
    assert store.verify() == []


def test_nothing_with_another_digest_is_ever_taken(store, save, tmp_path):
    item = save(files={"w": b"weights"})
    digest = store.files(item)[0].digest
    spoil(store.blob(digest))

    class Liar:
        def offer(self, wanted, offer):
            source = iter([b"WEIGHTS"])

            def read(buffer):
                data = next(source, b"")
                buffer[: len(data)] = data
                return len(data)

            offer(Blob(digest, 7), read)

    for copies in (Liar(), backup(tmp_path / "backup", [b"Weights"])):
        repaired = store.repair(copies=[copies])
        assert repaired.mended == []
        assert [one.path for one in repaired.left] == ["w"]
    assert not any((store.root / "tmp").glob("*/*/*"))


def test_a_tree_mends_the_blob_that_it_is_no_link_to(store, save):
    """An executable file is a copy of its blob, not the same inode."""
    item = save(files={"run": b"#!/bin/sh\n"}, executable=("run",))
    store.directory(item)
    spoil(store.blob(store.files(item)[0].digest))

    assert store.repair().left == []
    assert store.blob(store.files(item)[0].digest).read_bytes() == b"#!/bin/sh\n"


def test_a_spoilt_tree_is_laid_out_again(store, save, tmp_path):
    item = save(files={"w": b"weights", "run": b"#!"}, executable=("run",))
    tree = store.directory(item)
    spoil(tree / "run")
    (tree / "sitecustomize.py").write_text("x")
    (tree / "w").unlink()

    assert store.repair().left == []

    assert (tree / "run").read_bytes() == b"#!"
    assert sorted(path.name for path in tree.iterdir()) == ["model.json", "run", "w"]
    spoil(store.blob(store.files(item)[1].digest))  # and the tree that is linked to it
    assert store.repair(copies=[backup(tmp_path / "b", [b"weights"])]).left == []
    assert (store.directory(item) / "w").read_bytes() == b"weights"


def test_a_manifest_follows_from_the_model_json(store, add_model, own_store):
    item = add_model()
    manifest = own_store.manifest(item)
    own_store.blob(item.manifest).unlink()

    assert own_store.repair().left == []
    assert own_store.manifest(item) == manifest


def test_an_item_of_which_only_the_ref_is_left_comes_back(
    own_store, add_model, tmp_path, monkeypatch
):
    """The sizes of its files are known only once its model.json is back, whose own is not."""
    monkeypatch.setattr("modelbundle.bundler.store.blobs.blobs._PATIENCE", 1)  # nobody collects
    item = add_model()
    digests = [item.digest, *(entry.digest for entry in own_store.files(item))]
    copies = backup(tmp_path / "b", [own_store.blob(digest).read_bytes() for digest in digests])
    for digest in (item.manifest, *digests):
        own_store.blob(digest).unlink()

    assert Store(own_store.root).repair(copies=[copies]).left == []
    assert own_store.verify() == []


def test_refs_and_aliases_follow_from_the_index(own_store, add_model):
    first = add_model("iris", weights=b"1", version="1.0-RC", aliases=["Stable"])
    second = add_model("iris", weights=b"2")
    refs = own_store.root / "refs/models/iris"
    for path in refs.iterdir():
        path.write_bytes(b"?")
    store = Store(own_store.root)

    assert store.repair().left == []

    found = {item.tag: item for item in store.items("model")}
    assert set(found) == {first.tag, second.tag}
    assert found[first.tag].aliases == ("Stable",)
    assert found[second.tag].aliases == ("latest",)
    assert found[first.tag].digest == first.digest
    assert (found[first.tag].size, found[first.tag].framework) == (first.size, "sklearn")
    assert found[first.tag].imported  # nobody remembers that it was made here
    assert store.verify() == []


def test_a_ref_alone_is_mended_when_its_item_is_asked_for(own_store, add_model):
    item = add_model()
    (own_store.root / "refs/models/iris" / item.version).write_bytes(b"?")
    store = Store(own_store.root)
    assert store.repair([store.find("iris", damaged=True)]).left == []
    assert store.find("iris").digest == item.digest


@pytest.mark.parametrize("kind", ["model", "bundle"])
def test_what_the_index_says_is_no_reason_to_touch_a_sound_ref(own_store, saver, kind, tmp_path):
    """Nor is a document that says nothing to us one to give up."""
    save = saver(own_store)
    sound = save("iris", files={"w": b"1"}, kind=kind, version="1.0")
    lost = save("iris", files={"w": b"2"}, kind=kind, version="2.0")
    other = save("other", files={"w": b"3"}, kind=kind, version="2.0")
    refs = own_store.root / f"refs/{kind}s"
    before = (refs / "iris/1.0").read_bytes(), (refs / "other/2.0").read_bytes()
    (refs / "iris/2.0").write_bytes(b"?")
    spoil(own_store.blob(own_store.files(lost)[0].digest))
    store = Store(own_store.root)

    assert store.repair(copies=[backup(tmp_path / "b", [b"2"])]).left == []

    assert ((refs / "iris/1.0").read_bytes(), (refs / "other/2.0").read_bytes()) == before
    found = store.find("iris:2.0")
    assert (found.digest, found.framework, found.executes_code) == (lost.digest, None, True)
    assert store.find("iris").version == lost.version
    assert {sound.digest, other.digest} < {item.digest for item in store.items(kind)}


def test_fixed_files_index_and_trust_are_written_again(own_store, add_model):
    item = add_model(executes=True)
    for name in ("index.json", "oci-layout", "layout.json", f"trust/{item.digest[7:]}"):
        spoil(own_store.root / name, b"?")
    store = Store(own_store.root)
    assert {damage.path for damage in store.verify()} >= {"index.json", "oci-layout"}
    assert store.repair().left == []
    assert store.trust.is_trusted(item.digest)


def test_what_nobody_has_is_told_and_the_rest_is_mended(store, save, tmp_path):
    item = save(files={"a": b"first", "b": b"second"})
    for entry in store.files(item):
        spoil(store.blob(entry.digest))
    repaired = store.repair(copies=[backup(tmp_path / "b", [b"second"])])
    assert [one.path for one in repaired.mended] == ["b"]
    assert [one.path for one in repaired.left] == ["a"]


@pytest.mark.parametrize("seed", range(12))
def test_one_spoilt_file_anywhere_is_restored_byte_for_byte(seed, own_store, add_model, tmp_path):
    model = add_model(weights=b"w" * 5000, aliases=["production"])
    own_store.directory(model)
    digests = [model.digest, model.manifest, *(e.digest for e in own_store.files(model))]
    copies = backup(tmp_path / "b", [own_store.blob(digest).read_bytes() for digest in digests])
    chance = random.Random(seed)
    blobs = sorted((own_store.root / "blobs/sha256").iterdir())
    victim = chance.choice(blobs)
    before = victim.read_bytes()
    if chance.random() < 0.3:
        victim.unlink()
    else:
        spoil(victim, before[: chance.randrange(len(before))] if chance.random() < 0.3 else None)
    store = Store(own_store.root)
    assert store.verify()
    assert store.repair(copies=[copies]).left == []
    assert hashlib.sha256(victim.read_bytes()).hexdigest() == victim.name


@pytest.fixture
def two_versions(store, save):
    """A name with two versions and an alias, and another name."""
    return (
        save(files={"w": b"1"}, version="1", aliases=["production"]),
        save(files={"w": b"2"}, version="2"),
        save("other"),
    )


@pytest.mark.parametrize("damaged", ["1", "2", "@production"])
def test_what_is_saved_after_the_damage_leaves_the_index_what_a_repair_needs(
    store, save, two_versions, damaged
):
    spoil(store.root / "refs/models/iris" / damaged, b"")

    save("third")
    store.alias(two_versions[2], "canary")
    repaired = store.repair()

    assert repaired.mended
    assert repaired.left == []
    assert store.find("iris:1").digest == two_versions[0].digest
    assert store.find("iris@production").version == "1"
    assert store.find("iris").version == "2"


def test_what_is_saved_after_the_damaged_latest_is_the_latest_when_that_is_mended(
    store, save, two_versions
):
    spoil(store.root / "refs/models/iris/2", b"")

    save(files={"w": b"3"}, version="3")
    assert store.repair().left == []

    assert store.find("iris:2").digest == two_versions[1].digest
    assert store.find("iris").version == "3"


def test_the_index_forgets_a_damaged_item_that_is_deleted(store, save, two_versions):
    spoil(store.root / "refs/models/iris/2", b"")
    save("third")
    store.delete(store.find("iris:2", damaged=True))

    assert b"iris:2" not in (store.root / "index.json").read_bytes()
    assert store.verify() == []
    assert store.find("iris").version == "1"


@pytest.mark.parametrize("data", [None, b"", b"[]", b'{"manifests":[{"annotations":{}}]}'])
def test_a_damaged_index_is_written_anew(store, save, two_versions, data):
    spoil(store.root / "index.json", data)
    save("third")

    assert store.verify() == []
    assert b"iris@production" in (store.root / "index.json").read_bytes()


@pytest.mark.parametrize("pattern", ["oci-layout", "trust/*"])
def test_a_record_that_the_system_cannot_read_is_replaced_and_keeps_nothing_else_from_it(
    store, save, tmp_path, pattern
):
    """A loop of links is refused by the system, as a file on sectors that fail is."""
    item = save()
    store.trust.grant(item.digest, "test")
    blob = store.blob(store.files(item)[0].digest)
    copies = backup(tmp_path / "copy", [blob.read_bytes()])
    spoil(blob)
    (record,) = store.root.glob(pattern)
    record.unlink()
    record.symlink_to(record.name)
    assert len(store.repair(copies=[copies]).mended) == 2
    assert store.verify() == []
    assert store.trust.is_trusted(item.digest)


def test_names_whose_folder_has_vanished_are_told_and_listed_again(own_store, add_model):
    """As after a check of the file system that has put the folder into `lost+found`."""
    first = add_model("iris", weights=b"1", version="1.0-RC", aliases=["Stable"])
    second = add_model("iris", weights=b"2")
    other = add_model("other", weights=b"3")
    shutil.rmtree(own_store.root / "refs/models/iris")
    store = Store(own_store.root)

    told = {(one.tag, one.path) for one in store.verify()}
    assert told == {
        (f"model:{first.tag}", "refs/models/iris/1.0-rc"),
        ("model:iris@Stable", "refs/models/iris/@stable"),
        (f"model:{second.tag}", f"refs/models/iris/{second.version}"),
    }
    assert store.repair().left == []

    assert store.verify() == []
    assert {item.tag for item in store.items("model")} == {first.tag, second.tag, other.tag}
    assert store.find("iris@Stable") == store.find("iris:1.0-RC")
    assert store.find("iris").digest == second.digest
    assert store.find("iris").imported


def test_an_alias_that_has_vanished_alone_is_told_and_set_again(store, two_versions):
    (store.root / "refs/models/iris/@production").unlink()
    assert [one.tag for one in store.verify()] == ["model:iris@production"]
    assert store.repair().left == []
    assert store.find("iris@production").version == "1"


def test_what_was_deleted_is_not_lost(store, save, two_versions):
    store.unalias("model", "iris", "production")
    assert store.verify() == []
    store.delete(store.find("iris:2"))
    assert store.verify() == []
    assert store.repair().mended == []
    with pytest.raises(NotFound):
        store.find("iris:2")


def test_what_a_full_disk_has_kept_in_the_index_is_not_lost_when_it_was_collected(
    store, save, two_versions
):
    before = (store.root / "index.json").read_bytes()
    store.delete(store.find("iris:2"))
    (store.root / "index.json").write_bytes(before)  # it could not be written
    store.gc()
    assert store.verify() == []


def test_a_link_in_the_place_of_a_blob_is_told_and_replaced_by_what_it_leads_to(
    store, save, tmp_path
):
    item = save(files={"w": b"weights", "v": b"lost"})
    for digest in (item.manifest, *(entry.digest for entry in store.files(item))):
        blob, moved = store.blob(digest), tmp_path / digest[7:]
        blob.rename(moved)
        blob.symlink_to(moved)
    (tmp_path / store.files(item)[0].digest[7:]).unlink()  # leads nowhere
    assert len(store.verify()) == 3

    repaired = store.repair()

    assert [one.path for one in repaired.left] == ["v"]
    assert not store.blob(item.manifest).is_symlink()
    save(files={"w": b"weights", "v": b"lost"})  # saving it again mends it, too
    assert store.verify() == []


@pytest.mark.parametrize(
    "pattern", ["refs/models/iris/@production", "trust/*", "oci-layout", "blobs/sha256/*"]
)
def test_a_folder_in_the_place_of_a_file_is_told_and_the_rest_is_mended(
    store, save, two_versions, tmp_path, pattern
):
    store.trust.grant(two_versions[0].digest, "test")
    weights = store.blob(store.files(two_versions[1])[0].digest)
    copies = backup(tmp_path / "b", [weights.read_bytes()])
    place = next(path for path in sorted(store.root.glob(pattern)) if path != weights)
    place.unlink()
    place.mkdir()
    (place / "mine").write_bytes(b"is kept")
    spoil(weights)

    repaired = Store(store.root).repair(copies=[copies])

    assert weights.read_bytes() == b"2"
    assert repaired.left
    assert (place / "mine").read_bytes() == b"is kept"
