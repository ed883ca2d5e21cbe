"""Directory: a layout on disk that several machines share."""

import fcntl
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from modelbundle.bundler.errors import Damaged, Refused, RegistryError
from modelbundle.bundler.registry.pulling import Wanted, pull
from modelbundle.bundler.registry.pushing import push
from modelbundle.bundler.registry.reference import parse
from modelbundle.bundler.registry.remotes.directory import Directory
from modelbundle.bundler.store.files import disk

from ...drive import Drive, there
from ..conftest import QUICK


@pytest.fixture
def shared(tmp_path):
    return tmp_path / "shared"


@pytest.fixture
def pushed(add_model, own_store, shared):
    """A model in the directory, under its version and `latest`."""
    item = add_model(version="2.1")
    push(item.tag, str(shared), own_store)
    return item


def names(shared):
    index = json.loads((shared / "index.json").read_bytes())
    key = "org.opencontainers.image.ref.name"
    return {one["annotations"][key]: one["digest"] for one in index["manifests"]}


def test_a_model_goes_there_and_comes_back(pushed, shared, own_store, other_store):
    assert names(shared) == {"iris:2.1": pushed.manifest, "iris:latest": pushed.manifest}
    done = pull(f"{shared}:iris:2.1", other_store)
    assert (done.item.tag, done.item.digest) == ("iris:2.1", pushed.digest)
    assert done.manifest == pushed.manifest
    assert done.present == 0
    assert other_store.verify() == []
    assert not other_store.trust.is_trusted(pushed.digest)
    assert (shared / "oci-layout").read_bytes() == b'{"imageLayoutVersion":"1.0.0"}\n'


def test_what_was_pushed_lasts(add_model, own_store, tmp_path, monkeypatch):
    drive = Drive(monkeypatch)
    place = tmp_path / "of" / "all"
    for name in ("iris", "other"):
        push(add_model(name, weights=name.encode()).tag, str(place), own_store)
    drive.close()
    now = {f"/of/all{path}": state for path, state in there(place).items()}
    assert len(now) > 8
    assert now.items() <= drive.left(tmp_path).items()


def test_what_is_there_does_not_travel_again(pushed, shared, own_store, add_model):
    again = push(pushed.tag, str(shared), own_store)
    assert (again.sent, again.present) == (0, pushed.size)
    other = add_model("other", weights=b"weights", framework="xgboost")
    assert 0 < push(other.tag, str(shared), own_store).sent < other.size


def test_one_model_needs_no_name_and_several_do(pushed, shared, own_store, other_store, add_model):
    assert pull(str(shared), other_store).item.tag.startswith("iris:")
    push(add_model("other", weights=b"o").tag, str(shared), own_store)
    with pytest.raises(
        RegistryError, match=r"Say which one of .*`iris:2.1`, `iris:latest`, `other:"
    ):
        pull(str(shared), other_store)
    with pytest.raises(RegistryError, match=r"There is no `gone` in"):
        pull(f"{shared}:gone", other_store)
    assert pull(f"{shared}:iris", other_store).item.name == "iris"
    assert pull(f"{shared}@{pushed.manifest}", other_store, wanted=Wanted("i")).item.name == "i"


def test_names_of_other_tools_stay(pushed, shared, own_store, add_model):
    index = json.loads((shared / "index.json").read_bytes())
    foreign = {"mediaType": "x/y", "digest": "sha256:" + "0" * 64, "size": 3}
    index["manifests"].append(foreign)
    index["annotations"] = {"who": "another"}
    (shared / "index.json").write_text(json.dumps(index))
    push(add_model("other", weights=b"o").tag, str(shared), own_store)
    after = json.loads((shared / "index.json").read_bytes())
    assert foreign in after["manifests"]
    assert after["annotations"] == {"who": "another"}


def test_a_version_there_is_replaced_by_force_alone(pushed, shared, add_model, own_store):
    own_store.delete(pushed)
    other = add_model(version="2.1", weights=b"others")
    with pytest.raises(Refused, match=r"`.*/shared:iris:2.1` is there with other content"):
        push(other.tag, str(shared), own_store)
    assert names(shared)["iris:2.1"] == pushed.manifest
    push(other.tag, f"{shared}:iris:next", own_store)
    push(other.tag, str(shared), own_store, force=True)
    assert set(names(shared).values()) == {other.manifest}


def test_somebodys_store_is_not_written_into(own_store, pushed, other_store, add_model):
    with pytest.raises(RegistryError, match="is a store"):
        push(pushed.tag, str(own_store.root), own_store)


@pytest.mark.parametrize("name", ["models/iris:2.1", "models/iris"])
def test_a_store_of_another_can_be_pulled_from(name, own_store, pushed, other_store):
    """Without a version it is the latest, as from any directory."""
    own_store.settle()
    done = pull(f"{own_store.root}:{name}", other_store)
    assert (done.item.name, done.item.digest) == ("iris", pushed.digest)


def test_a_folder_of_something_else_is_left_alone(add_model, own_store, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(RegistryError, match="has files in it and is not an OCI layout"):
        push(add_model().tag, str(tmp_path / "photos"), own_store)
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]
    with pytest.raises(RegistryError, match="is not an OCI layout"):
        pull(str(tmp_path / "photos"), own_store)
    with pytest.raises(RegistryError, match="is not an OCI layout") as caught:
        pull(str(tmp_path / "nowhere"), own_store)
    assert caught.value.hint.startswith("Name a directory that is one")


def blob(shared, digest):
    return shared / "blobs" / "sha256" / digest.removeprefix("sha256:")


@pytest.mark.parametrize("which", ["config", "file", "manifest"])
def test_a_flipped_bit_is_found(pushed, shared, own_store, other_store, which):
    digests = {
        "config": pushed.digest, "manifest": pushed.manifest,
        "file": own_store.files(pushed)[0].digest,
    }  # fmt: skip
    path = blob(shared, digests[which])
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    with pytest.raises(Damaged, match=digests[which]):
        pull(f"{shared}:iris:2.1", other_store)
    assert other_store.items("model") == []


@pytest.mark.parametrize("change", ["longer", "shorter", "missing", "link", "pipe", "folder"])
def test_a_blob_that_is_no_file_of_its_size_is_refused(
    pushed, shared, own_store, other_store, change, tmp_path
):
    path = blob(shared, own_store.files(pushed)[0].digest)
    data = path.read_bytes()
    path.unlink()
    if change in {"longer", "shorter"}:
        path.write_bytes(data + b"x" if change == "longer" else data[:-1])
    elif change == "link":
        (tmp_path / "elsewhere").write_bytes(data)
        path.symlink_to(tmp_path / "elsewhere")
    elif change == "pipe":
        os.mkfifo(path)
    elif change == "folder":
        path.mkdir()
    said = (
        "its manifest says"
        if change in {"longer", "shorter"}
        else "lacks the blob|is a link|is not"
    )
    with pytest.raises((Damaged, RegistryError), match=said) as caught:
        pull(f"{shared}:iris:2.1", other_store)
    assert "\n" not in str(caught.value)
    assert other_store.items("model") == []


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b'{"manifests": 5}', b'{"manifests": [5]}', b"[" * 100_000,
        b'{"manifests": [{"digest": "sha256:../../x"}]}', b'{"manifests": [{"digest": 5}]}',
        b'{"manifests": [], "x": NaN}', b'{"manifests": [], "x": 1e999}',
        b'{"manifests": [], "x": "\\ud800"}',
    ],
)  # fmt: skip
def test_an_index_that_is_none_is_refused(pushed, shared, own_store, other_store, data):
    (shared / "index.json").write_bytes(data)
    with pytest.raises(RegistryError, match="is not the index"):
        pull(f"{shared}:iris:2.1", other_store)
    with pytest.raises(RegistryError, match="is not the index"):
        push(pushed.tag, str(shared), own_store)
    assert (shared / "index.json").read_bytes() == data


def test_a_manifest_that_is_too_long_is_not_taken_in_parts(pushed, shared, own_store):
    longest = replace(QUICK, manifest=len(own_store.manifest(pushed)))
    reference = parse(f"{shared}:iris:2.1")
    assert Directory(reference, longest).manifest() == own_store.manifest(pushed)
    with pytest.raises(RegistryError, match="longer than"):
        Directory(reference, replace(longest, manifest=longest.manifest - 1)).manifest()


def test_no_name_is_lost_where_locks_do_nothing(shared, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    Directory(parse(f"oci:{shared}")).prepare()

    def work(who):
        for number in range(10):
            manifest = json.dumps({"who": who, "number": number}).encode()
            Directory(parse(f"oci:{shared}")).publish(manifest, [f"{who}:{number}"])

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, who) for who in "abcd"]:
            done.result()
    assert len(names(shared)) == 40


def test_many_at_once_lose_no_name(own_store, add_model, shared):
    items = [add_model(f"m{number}", weights=b"%d" % number) for number in range(8)]
    push(items[0].tag, str(shared), own_store)
    failures = []

    def work(item):
        try:
            push(item.tag, str(shared), own_store)
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert set(names(shared)) == {
        f"m{n}:{v}" for n in range(8) for v in (items[n].version, "latest")
    }
    assert [path for path in shared.iterdir() if path.suffix == ".tmp"] == []


def test_a_damaged_blob_of_ours_does_not_spread(own_store, add_model, shared):
    item = add_model()
    path = own_store.blob(own_store.files(item)[0].digest)
    path.chmod(0o644)
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(Damaged, match="has changed in the store"):
        push(item.tag, str(shared), own_store)
    assert not (shared / "index.json").exists()


def test_names_of_blobs_are_durable_before_the_index_names_their_manifest(
    own_store, add_model, shared, monkeypatch
):
    steps = []
    sync, replace = disk.sync_directory, Path.replace

    def watch_sync(path):
        steps.append(("sync", path))
        sync(path)

    def watch_replace(draft, place):
        steps.append(("name", place))
        return replace(draft, place)

    item = add_model(version="2.1")
    monkeypatch.setattr(disk, "sync_directory", watch_sync)
    monkeypatch.setattr(Path, "replace", watch_replace)
    push(item.tag, str(shared), own_store)
    blobs = shared / "blobs" / "sha256"
    named = [n for n, (what, path) in enumerate(steps) if what == "name" and path.parent == blobs]
    index = steps.index(("name", shared / "index.json"))
    assert len(named) == len(list(blobs.iterdir()))
    assert named[-1] < steps.index(("sync", blobs), named[-1]) < index
    assert steps[index + 1] == ("sync", shared)
