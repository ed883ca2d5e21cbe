"""The store as its callers see it."""

import os
import stat
from pathlib import Path

import pytest

from modelbundle.bundler.errors import Damaged, InvalidTag, NotFound, Refused, StoreError
from modelbundle.bundler.store import Store
from modelbundle.runtime.digest import of_bytes
from modelbundle.runtime.errors import InvalidBundle
from modelbundle.runtime.manifests.file_entry import FileEntry


def stored(root: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in (root / "blobs/sha256").iterdir()}


def snapshot(root: Path) -> dict[str, tuple]:
    return {
        str(path): (s.st_mode, s.st_size, s.st_mtime_ns, s.st_ino)
        for path in sorted(root.rglob("*"))
        for s in [path.lstat()]
    }


def test_making_the_object_and_reading_an_absent_store_touch_nothing(tmp_path):
    store = Store(tmp_path / "none")
    assert store.items("model") == []
    assert store.verify() == []
    assert store.usage().stored == 0
    assert store.gc().blobs == 0
    with pytest.raises(NotFound):
        store.find("iris")
    assert not store.root.exists()


def test_the_default_store_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("BUNDLE_HOME", str(tmp_path / "here"))
    assert Store.default().root == tmp_path / "here"
    monkeypatch.delenv("BUNDLE_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert Store.default().root == tmp_path / "data" / "bundle"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Store.default().root == tmp_path / ".local/share/bundle"


def test_a_saved_item_is_found_by_name_version_alias_and_digest(store, save):
    item = save(aliases=["production"], framework="sklearn", executes_code=True)
    assert item.aliases == ("latest", "production")
    assert item.version == item.digest[7:19]
    for text in ("iris", item.tag, "iris@production", "iris:latest", item.digest, item.digest[:15]):
        assert store.find(text) == item
    assert store.items("model") == [item]
    assert (item.framework, item.executes_code) == ("sklearn", True)
    assert of_bytes(store.config(item)) == item.digest
    assert [entry.path for entry in store.files(item)] == ["model.bin"]
    assert store.blob(store.files(item)[0].digest).read_bytes() == b"weights"


def test_a_bare_name_is_looked_for_in_bundles_first_then_in_models(store, save):
    model = save("iris")
    assert store.find("iris") == model
    bundle = save("iris", kind="bundle")
    assert store.find("iris") == bundle
    assert store.find("model:iris") == model
    assert store.find("iris", "model") == model


def test_identical_content_is_the_same_tag_and_costs_no_bytes(store, save):
    first = save()
    before = stored(store.root)
    again = save()
    assert (again.tag, again.digest, again.created) == (first.tag, first.digest, first.created)
    assert stored(store.root) == before
    assert len(store.items("model")) == 1


def test_another_store_gives_the_same_tag(store, save, saver, tmp_path):
    assert saver(Store(tmp_path / "other"))().tag == save().tag


def test_latest_follows_every_save_also_of_what_was_saved_before(store, save):
    first = save(files={"a": b"1"})
    second = save(files={"a": b"2"})
    assert store.find("iris").tag == second.tag == str(second)
    save(files={"a": b"1"})
    assert store.find("iris").tag == first.tag
    assert store.find(second.tag).aliases == ()


def test_latest_does_not_ask_the_clock(store, save, monkeypatch):
    for number, now in enumerate((2e9, 0.0, 1e9)):
        monkeypatch.setattr("time.time", lambda now=now: now)
        item = save(files={"a": b"%d" % number})
        assert store.find("iris").tag == item.tag
    assert [item.sequence for item in store.items("model")] == sorted(
        {item.sequence for item in store.items("model")}
    )


def test_latest_falls_back_when_the_latest_is_deleted(store, save):
    first, second = save(files={"a": b"1"}), save(files={"a": b"2"})
    store.delete(second)
    assert store.find("iris").tag == first.tag
    store.delete(store.find("iris"))
    with pytest.raises(NotFound):
        store.find("iris")
    assert not (store.root / "refs/models/iris").exists()


def test_an_explicit_version_with_other_content_is_refused(store, save):
    save(files={"a": b"1"}, version="v1")
    with pytest.raises(Refused, match="exists with other content") as caught:
        save(files={"a": b"2"}, version="v1")
    assert caught.value.exit_code == 5
    assert caught.value.hint.startswith("Choose another `--version` ")
    assert save(files={"a": b"1"}, version="v1").version == "v1"
    assert len(store.items("model")) == 1


def test_versions_that_differ_by_case_alone_are_refused(store, save):
    item = save(version="V1")
    with pytest.raises(InvalidTag, match="case alone"):
        save(version="v1")
    assert store.find("iris:V1") == item
    with pytest.raises(NotFound) as caught:
        store.find("iris:v1")
    assert caught.value.hint == "Did you mean `iris:V1`?"


def test_aliases_move_and_leave(store, save):
    first, second = save(files={"a": b"1"}), save(files={"a": b"2"})
    store.alias(first, "production")
    assert store.find("iris@production").tag == first.tag
    store.alias(second, "production")
    assert store.find("iris@production").tag == second.tag
    store.unalias("model", "iris", "production")
    with pytest.raises(NotFound):
        store.find("iris@production")
    with pytest.raises(NotFound):
        store.unalias("model", "iris", "production")
    with pytest.raises(Refused):
        store.unalias("model", "iris", "latest")


def test_latest_can_be_moved_by_hand(store, save):
    first, _ = save(files={"a": b"1"}), save(files={"a": b"2"})
    store.alias(first, "latest")
    assert store.find("iris").tag == first.tag


def test_an_alias_of_a_deleted_item_is_gone(store, save):
    item = save(aliases=["production"])
    store.delete(item)
    save(files={"a": b"2"})
    assert all("production" not in i.aliases for i in store.items("model"))


@pytest.mark.parametrize("name", ["Iris", "../x", "a/b", "", ".x", "model", "x" * 129, "a\n"])
def test_bad_names_change_nothing(store, save, name):
    with pytest.raises(InvalidTag):
        store.commit("model", name, b"{}", [])
    assert not store.root.exists()


@pytest.mark.parametrize(
    "options", [{"version": "latest"}, {"version": "a/b"}, {"aliases": [".."]}]
)
def test_bad_versions_and_aliases_change_nothing(store, options):
    with pytest.raises(InvalidTag):
        store.commit("model", "iris", b"{}", [], **options)
    assert not store.root.exists()


@pytest.mark.parametrize(
    "paths",
    [
        ["../x"], ["/x"], ["a//b"], ["a/./b"], [""], ["a\\b"], ["a\n"], ["a", "a"],
        ["a", "A"], ["a/x", "A/y"], ["\u00e9", "e\u0301"], ["a\0"],
    ],
)  # fmt: skip
def test_paths_that_leave_or_collide_are_refused(store, paths):
    blob = store.ingest_bytes(b"x")
    with pytest.raises(InvalidBundle):
        store.commit("model", "iris", b"{}", [FileEntry(p, blob.digest, 1) for p in paths])
    assert store.items("model") == []


def test_an_item_of_missing_bytes_is_refused(store):
    with pytest.raises(Damaged):
        store.commit("model", "iris", b"{}", [FileEntry("a", of_bytes(b"never seen"), 3)])
    blob = store.ingest_bytes(b"abc")
    with pytest.raises(StoreError, match="does not have 4 bytes"):
        store.commit("model", "iris", b"{}", [FileEntry("a", blob.digest, 4)])
    assert store.items("model") == []


def test_nothing_found_names_the_nearest(store, save):
    item = save(version="1.0")
    with pytest.raises(NotFound, match=r"`iris:1\.1`") as caught:
        store.find("iris:1.1")
    assert caught.value.hint == f"Did you mean `{item.tag}`?"
    with pytest.raises(NotFound) as caught:
        store.find("zebra", "model")
    assert "models list" in caught.value.hint


def test_one_of_the_other_kind_is_told(store, save):
    save()
    with pytest.raises(NotFound, match="No bundle is tagged `iris`") as caught:
        store.find("iris", "bundle")
    assert "`iris` is a saved model" in caught.value.hint
    assert "`bundle init --name iris --model iris`" in caught.value.hint


def test_a_bundle_with_the_name_of_a_model_names_its_own_versions(store, save):
    save()
    save(kind="bundle")
    with pytest.raises(NotFound, match=r"No bundle is tagged `iris@nope`\.") as caught:
        store.find("iris@nope", "bundle")
    assert caught.value.hint == "Did you mean `iris@latest`?"


def test_the_address_of_a_server_is_no_tag(store):
    with pytest.raises(NotFound) as caught:
        store.find("localhost:8080")
    assert caught.value.hint == "Did you mean `http://localhost:8080`?"


def test_a_service_class_of_another_directory_is_no_tag(store):
    with pytest.raises(NotFound, match="tagged `service:Fraud`") as caught:
        store.find("service:Fraud")
    assert caught.value.hint == (
        "To serve a class, run the command in the directory of `service.py`."
    )


def test_a_short_digest_of_several_items_asks_for_more_digits(store, save):
    items = [save(files={"a": b"%d" % n}) for n in range(40)]
    prefixes = {item.digest[:8] for item in items}
    assert prefixes  # one hex digit is shared by some of forty
    with pytest.raises(InvalidTag):
        store.find("sha256:0")


def test_the_directory_is_a_tree_of_read_only_links(store, save):
    item = save(files={"model.bin": b"w", "samples/predict.json": b"{}", "run.sh": b"#!"},
                executable=("run.sh",))  # fmt: skip
    directory = store.directory(item)
    assert sorted(p.relative_to(directory).as_posix() for p in directory.rglob("*")) == [
        "model.bin", "model.json", "run.sh", "samples", "samples/predict.json",
    ]  # fmt: skip
    assert (directory / "model.json").read_bytes() == store.config(item)
    assert stat.S_IMODE((directory / "model.bin").stat().st_mode) == 0o444
    assert stat.S_IMODE((directory / "run.sh").stat().st_mode) == 0o555
    assert store.directory(item) == directory


def test_a_bundle_has_its_bundle_json(store, save):
    item = save("shop", kind="bundle")
    assert (store.directory(item) / "bundle.json").read_bytes() == store.config(item)


def test_an_incomplete_tree_is_made_again(store, save):
    item = save()
    (store.directory(item) / "model.bin").unlink()
    assert (store.directory(item) / "model.bin").read_bytes() == b"weights"


def test_placing_a_large_file_costs_no_bytes(store, tmp_path):
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(64 << 20)
    blob = store.ingest(big)
    before = os.statvfs(tmp_path).f_bavail
    store.place(blob.digest, tmp_path / "placed")
    assert (tmp_path / "placed").stat().st_size == 64 << 20
    assert (tmp_path / "placed").samefile(store.blob(blob.digest)) or (
        before - os.statvfs(tmp_path).f_bavail < 4096
    )


def test_staging_is_inside_the_store_and_leaves_nothing(store):
    with store.staging() as directory:
        (directory / "x").write_text("x")
        assert directory.stat().st_dev == store.root.stat().st_dev
        assert store.root in directory.parents
    assert not directory.exists()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o027, 0o077])
def test_modes_are_tight_under_every_umask(store, save, umask):
    old = os.umask(umask)
    try:
        item = save(aliases=["production"])
        store.directory(item)
    finally:
        os.umask(old)
    assert stat.S_IMODE(store.root.stat().st_mode) == 0o700
    for path in store.root.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert not mode & 0o7022, path
        if path.parent.name == "sha256":
            assert mode == 0o444


def test_a_store_of_a_newer_layout_is_refused_and_left_alone(store, save):
    save()
    (store.root / "layout.json").write_text('{"layout": 2}')
    before = snapshot(store.root)
    newer = Store(store.root)
    for action in (
        lambda: newer.items("model"),
        lambda: newer.find("iris"),
        lambda: newer.ingest_bytes(b"x"),
        newer.gc,
        newer.verify,
        newer.usage,
        lambda: newer.trust.grant("0" * 64, "test"),
        lambda: newer.commit("model", "a", b"{}", []),
        lambda: newer.staging().__enter__(),
    ):
        with pytest.raises(StoreError, match="says layout 2; this version reads up to 1"):
            action()
    assert snapshot(store.root) == before


def test_reading_writes_nothing(store, save):
    item = save(aliases=["production"])
    store.directory(item)
    before = snapshot(store.root)
    reader = Store(store.root)
    reader.items("model")
    reader.find("iris@production")
    reader.config(item)
    reader.files(item)
    reader.usage()
    reader.gc(dry_run=True)
    assert reader.verify() == []
    assert snapshot(store.root) == before


def test_files_are_laid_out_where_no_store_has_been_yet(tmp_path):
    """A service without models may be the first thing that somebody serves."""
    with Store(tmp_path / "no" / "store").laying_out([]) as directory:
        assert list(directory.iterdir()) == []
    assert not directory.exists()


def test_usage_counts_shared_content_once(store, save):
    save("a", files={"w": b"x" * 10000})
    save("b", files={"w": b"x" * 10000, "v": b"y"})
    usage = store.usage()
    assert (usage.models, usage.bundles, usage.reclaimable) == (2, 0, 0)
    assert usage.content > 20000 > usage.stored
    store.delete(store.find("b"))
    assert store.usage().reclaimable > 0


def test_trust_is_kept_by_digest(store, monkeypatch):
    digest = of_bytes(b"model")
    assert not store.trust.is_trusted(digest)
    store.trust.grant(digest, "saved here")
    assert store.trust.is_trusted(digest)
    assert Store(store.root).trust.is_trusted(digest.removeprefix("sha256:"))
    store.trust.revoke(digest)
    assert not store.trust.is_trusted(digest)
    monkeypatch.setenv("BUNDLE_TRUST", f" {digest} , {'0' * 64}")
    assert store.trust.is_trusted(digest)
    assert store.trust.is_trusted("0" * 64)
    with pytest.raises(InvalidTag):
        store.trust.grant("../../etc/passwd", "no")
