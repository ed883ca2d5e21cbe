"""Verification: one flipped bit anywhere is found, named, and harms nothing else."""

import os
import random
import subprocess
import sys
from dataclasses import replace

import pytest

from modelbundle.bundler.errors import Damaged
from modelbundle.bundler.store import Store, oci


def flip(path, position, bit=0):
    mode = path.stat().st_mode
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ (1 << bit)]))
    path.chmod(mode)


@pytest.fixture
def full(store, save):
    save("a", files={"w": b"weights of a" * 10}, aliases=["production"])
    item = save("b", files={"w": b"weights of b" * 10, "run": b"#!/bin/sh"}, executable=("run",))
    store.directory(item)
    save("shop", files={"w": b"weights of a" * 10, "s": b"code"}, kind="bundle")
    store.trust.grant(item.digest, "test")
    store.referrers.attach(item, "application/vnd.test", b"about b")
    assert store.verify() == []
    return store


def owners(store, path):
    """Tags that verification must name when this file is damaged."""
    relative = path.relative_to(store.root).as_posix()
    kind, _, rest = relative.partition("/")
    if kind == "refs":
        plural, name, entry = rest.split("/")
        separator = "" if entry.startswith("@") else ":"
        return {f"{plural[:-1]}:{name}{separator}{entry}"}
    if kind in {"trees", "referrers"}:
        return {f"model:{store.find('b').tag}"}
    if kind != "blobs":
        return {"store"}
    digest = "sha256:" + path.name
    return {
        f"{item.kind}:{item.tag}"
        for kind in ("model", "bundle")
        for item in store.items(kind)
        if digest in {item.manifest, item.digest, *(e.digest for e in store.files(item))}
    } or {"store"}


def test_every_flipped_bit_is_reported_with_the_right_owner(full):
    chance = random.Random(7)
    files = [
        path
        for path in sorted(full.root.rglob("*"))
        if path.is_file() and path.stat().st_size and "memo" not in path.parts
    ]
    assert {path.relative_to(full.root).parts[0] for path in files} >= {
        "blobs", "refs", "trees", "trust", "referrers", "index.json", "oci-layout", "layout.json"
    }  # fmt: skip
    for path in files:
        expected = owners(full, path)
        for _ in range(4):
            position, bit = chance.randrange(path.stat().st_size), chance.randrange(8)
            flip(path, position, bit)
            if path.name == "layout.json" and path.read_bytes()[10:11].isdigit():
                flip(path, position, bit)
                continue  # it would say another layout, and be refused: another test
            told = {damage.tag for damage in Store(full.root).verify()}
            assert told >= expected, (path, position, bit)
            flip(path, position, bit)
    assert full.verify() == []


def test_no_bit_of_an_index_can_change_unseen(full):
    data = bytearray((full.root / "index.json").read_bytes())
    assert oci.is_sound_index(bytes(data))
    for number in range(len(data) * 8):
        data[number // 8] ^= 1 << number % 8
        assert not oci.is_sound_index(bytes(data)), number
        data[number // 8] ^= 1 << number % 8


def test_damage_is_told_with_file_expected_and_got(store, save):
    item = save()
    digest = store.files(item)[0].digest
    flip(store.blob(digest), 0)
    (damage,) = store.verify()
    assert (damage.tag, damage.path) == (f"model:{item.tag}", "model.bin")
    assert damage.what.startswith(f"expected {digest}, got sha256:")
    assert store.verify([item]) == [damage]


def test_a_ref_that_names_another_items_manifest_is_damage(store, save):
    one, other = save("one", files={"w": b"1"}), save("other", files={"w": b"2"})
    store._refs.restore(replace(one, manifest=other.manifest, manifest_size=other.manifest_size))
    (damage,) = store.verify()
    assert (damage.tag, damage.path) == (f"model:{one.tag}", "model.json")
    assert damage.what == f"expected {one.digest}, got {other.digest}"


def test_a_sound_tree_is_used_as_it_is(store, save):
    item = save()
    before = store.directory(item).stat().st_ino
    assert store.verify() == []
    assert store.directory(item).stat().st_ino == before


def test_damage_stays_local(store, save):
    broken, sound = save("broken", files={"w": b"1"}), save("sound", files={"w": b"2"})
    ref = store.root / "refs/models/broken" / broken.version
    for content in (b"", b"{", ref.read_bytes()[:-20], b"\xff" * 4096):
        ref.write_bytes(content)
        listed = store.items("model")
        assert [(item.name, bool(item.damaged)) for item in listed] == [
            ("broken", True),
            ("sound", False),
        ]
        assert store.find("sound") == sound
        with pytest.raises(Damaged, match="broken") as caught:
            store.find(f"broken:{broken.version}")
        assert caught.value.exit_code == 6
        assert [damage.tag for damage in store.verify()] == [f"model:{broken.tag}"]
    assert save("broken", files={"w": b"1"}).tag == broken.tag
    assert store.verify() == []


def test_a_damaged_item_can_be_deleted(store, save):
    item = save()
    (store.root / "refs/models/iris" / item.version).write_bytes(b"?")
    store.delete(store.items("model")[0])
    assert store.items("model") == []
    assert store.verify() == []


def test_what_is_known_to_be_damaged_is_not_used(store, save):
    item = save()
    digest = store.files(item)[0].digest
    flip(store.blob(digest), 0)
    store.verify()
    with pytest.raises(Damaged, match="has changed"):
        store.directory(item)
    with pytest.raises(Damaged):
        store.blob(digest)
    flip(store.root / "blobs/sha256" / digest[7:], 0)
    assert store.blob(digest).read_bytes() == b"weights"


def test_a_damaged_config_or_manifest_is_never_believed(store, save):
    item = save()
    flip(store.blob(item.digest), 0)
    with pytest.raises(Damaged):
        store.config(item)
    flip(store.blob(item.manifest), 0)
    with pytest.raises(Damaged):
        store.files(item)


def test_saving_again_mends_blobs_and_trees(store, save, tmp_path):
    source = tmp_path / "big"
    source.write_bytes(b"x" * 100_000)
    blob = store.ingest(source)
    item = save(files={"w": source.read_bytes()})
    store.directory(item)
    flip(store.blob(blob.digest), 77)
    assert store.verify()
    store.ingest(source)
    save(files={"w": source.read_bytes()})
    assert (store.directory(item) / "w").read_bytes() == source.read_bytes()
    assert store.verify() == []


def test_missing_and_short_files_are_damage(store, save):
    item = save(files={"a": b"1" * 100, "b": b"2" * 100})
    first, second = (store.root / "blobs/sha256" / e.digest[7:] for e in store.files(item))
    first.unlink()
    second.chmod(0o644)
    second.write_bytes(b"2")
    told = store.verify()
    assert {damage.path for damage in told} == {"a", "b"}
    assert any("missing" in damage.what for damage in told)


def test_a_file_added_to_a_tree_is_damage_and_a_cache_is_not(store, save):
    item = save()
    directory = store.directory(item)
    (directory / "__pycache__").mkdir()
    (directory / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert store.verify() == []
    (directory / "sitecustomize.py").write_text("x")
    (damage,) = store.verify()
    assert damage.path.endswith("sitecustomize.py")
    directory = store.directory(item)
    assert not (directory / "sitecustomize.py").exists()


def test_progress_is_counted_in_bytes(store, save):
    save(files={"w": b"x" * 5000})
    seen = []

    class Meter:
        def advance(self, amount):
            seen.append(amount)

    class Watcher:
        def step(self, text): ...

        def meter(self, text, total, unit="bytes"):
            from contextlib import nullcontext

            self.total = total
            return nullcontext(Meter())

    watcher = Watcher()
    store.verify(progress=watcher)
    assert sum(seen) == watcher.total > 5000


PIPES = ["layout.json", "oci-layout", "index.json", "refs/models/a/*", "blobs/sha256/*", "trust/*"]


@pytest.mark.parametrize("pattern", PIPES)
def test_a_pipe_in_the_place_of_a_file_is_damage_and_nobody_waits_for_it(full, pattern):
    """In another process, which a time limit ends: nothing else would."""
    for path in full.root.glob(pattern):
        path.unlink()
        os.mkfifo(path)
    looking = "import sys; from pathlib import Path; from modelbundle.bundler.store import Store\n"
    looking += "store = Store(Path(sys.argv[1])); store.items('model')\n"
    looking += "print(len(store.verify()), len(store.repair().mended))"
    line = [sys.executable, "-c", looking, full.root]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=60)
    found, mended = map(int, done.stdout.split())
    assert found > 0
    assert mended > 0 or pattern.startswith("blobs")
