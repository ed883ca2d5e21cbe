"""What is exported here is imported there: same tag, same digest, same bytes."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbundle.bundler.archives import export_item, import_item
from modelbundle.bundler.errors import (
    Damaged,
    InvalidArchive,
    InvalidDestination,
    InvalidTag,
    Refused,
)
from modelbundle.bundler.registry.pulling import pull
from modelbundle.bundler.registry.pushing import push
from modelbundle.bundler.store import Store
from modelbundle.runtime.errors import BundleError
from modelbundle.runtime.manifests.file_entry import FileEntry
from modelbundle.runtime.manifests.model_manifest import ModelManifest

FORMATS = ["tar", "tar.zst", "oci"]


@pytest.fixture(params=FORMATS)
def exported(request, tmp_path, here):
    """Export an item in each of the formats; where it is."""

    def export(item, name="archive"):
        suffix = "" if request.param == "oci" else f".{request.param}"
        export_item(here, item, str(tmp_path / (name + suffix)))
        return tmp_path / (name + suffix)

    return export


def contents(store, item):
    return {entry.path: store.blob(entry.digest).read_bytes() for entry in store.files(item)}


def bytes_of(path):
    """A file's bytes; a directory's files with their bytes."""
    if path.is_file():
        return path.read_bytes()
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


@pytest.mark.parametrize("kind", ["model", "bundle"])
def test_an_item_arrives_as_it_left(kind, exported, here, there, request):
    item = request.getfixturevalue(kind)

    came = import_item(there, str(exported(item)))

    assert (came.item.kind, came.item.tag, came.item.digest) == (kind, item.tag, item.digest)
    assert came.item.manifest == item.manifest
    assert contents(there, came.item) == contents(here, item)
    assert there.config(came.item) == here.config(item)
    assert there.verify() == []
    assert came.written > 0
    assert there.find(item.tag, kind).aliases == ("latest",)
    if kind == "bundle":
        assert os.access(there.directory(came.item) / "run.sh", os.X_OK)


def test_the_same_item_gives_the_same_bytes_on_every_machine(
    exported, here, there, model, tmp_path, monkeypatch
):
    first = exported(model, "first")
    came = import_item(there, str(first))
    old = os.umask(0o077)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    try:
        again = tmp_path / f"again{''.join(first.suffixes)}"
        export_item(there, came.item, str(again))
        here.alias(model, "production")  # no part of the item
        third = exported(here.find("iris"), "third")
    finally:
        os.umask(old)
    assert bytes_of(first) == bytes_of(again) == bytes_of(third)


def test_only_what_is_missing_is_written(here, there, add_model, tmp_path):
    first = add_model("a", weights=b"shared" * 1000)
    second = add_model("b", weights=b"shared" * 1000, methods=("predict", "transform"))
    for item, name in ((first, "a.tar"), (second, "b.tar")):
        export_item(here, item, str(tmp_path / name))
    assert import_item(there, str(tmp_path / "a.tar")).written == first.size  # model.json, too
    assert 0 < import_item(there, str(tmp_path / "b.tar")).written <= second.size - 6000
    assert import_item(there, str(tmp_path / "b.tar")).written == 0


def test_a_bundle_brings_its_models(there, bundle, model, exported):
    came = import_item(there, str(exported(bundle)))
    assert there.items("model") == []
    inside = there.directory(came.item) / "models/iris"
    assert (inside / "model.bin").read_bytes() == b"weights" * 1000
    assert ModelManifest.read(inside).framework == "sklearn"


def test_another_name_and_aliases(there, model, exported):
    archive = str(exported(model))
    assert import_item(there, archive, rename="tulip").item.tag == f"tulip:{model.version}"
    came = import_item(there, archive, rename="rose:2.1", aliases=["production"])
    assert came.item.tag == "rose:2.1"
    assert there.find("rose@production").digest == model.digest
    for wrong in ("Rose", "a:b:c", "", "a:", ":1", "sha256:abcdef", "a:latest", "x" * 200):
        with pytest.raises(InvalidTag):
            import_item(there, archive, rename=wrong)


def test_a_version_with_other_content_is_refused_before_anything_is_taken(
    here, there, add_model, exported
):
    import_item(there, str(exported(add_model("a", weights=b"1", version="1"), "first")))
    other = exported(add_model("b", weights=b"2" * 999, version="1"), "second")
    blobs = set((there.root / "blobs/sha256").iterdir())
    with pytest.raises(Refused, match="exists with other content"):
        import_item(there, str(other), rename="a:1")
    assert set((there.root / "blobs/sha256").iterdir()) == blobs


def test_what_came_from_elsewhere_is_marked_and_trusted_by_nobody(
    here, there, add_model, bundle, exported, tmp_path
):
    pickled = add_model("pickled", executes=True)
    assert here.trust.is_trusted(pickled.digest)
    came = import_item(there, str(exported(pickled, "pickled")))
    assert came.item.imported
    assert came.item.executes_code
    assert not there.trust.is_trusted(pickled.digest)
    brought = import_item(there, str(exported(bundle, "bundle"))).item
    assert brought.imported
    assert brought.executes_code  # its runtime and its packages were not made here
    push("bundle:shop", str(tmp_path / "shared"), here)
    pulled = pull(str(tmp_path / "shared"), Store(tmp_path / "third")).item
    assert (pulled.imported, pulled.executes_code) == (True, True)
    assert not here.find("bundle:shop").imported
    assert not import_item(here, str(exported(bundle, "again"))).item.imported  # it was made here


def test_the_wrong_kind_is_refused(there, bundle, exported):
    with pytest.raises(InvalidArchive, match="holds a bundle, not a model"):
        import_item(there, str(exported(bundle)), kind="model")


def test_damaged_bytes_never_leave_the_store(here, model, tmp_path):
    blob = here.blob(here.files(model)[0].digest)
    blob.chmod(0o644)
    blob.write_bytes(b"Weights" * 1000)
    for name in ("a.tar", "a"):
        with pytest.raises(Damaged, match=blob.name):
            export_item(here, model, str(tmp_path / name))
    blob.write_bytes(b"short")
    with pytest.raises(Damaged):
        export_item(here, model, str(tmp_path / "a.tar"))
    assert [path.name for path in tmp_path.iterdir()] == []


def test_large_files_are_sent_by_the_kernel_and_hashed(here, there, add_model, exported):
    weights = os.urandom((3 << 20) + 17)
    item = add_model("large", weights=weights)
    came = import_item(there, str(exported(item)))
    assert contents(there, came.item)["model.bin"] == weights
    blob = here.blob(here.files(item)[0].digest)
    blob.chmod(0o644)
    blob.write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(Damaged):
        exported(item, "again")


def test_a_destination_is_replaced_whole_or_stays(here, model, tmp_path):
    target = tmp_path / "a.tar"
    target.write_bytes(b"old")
    link = tmp_path / "link.tar"
    link.symlink_to(target)
    here.blob(here.files(model)[0].digest).unlink()
    with pytest.raises(Damaged):
        export_item(here, model, str(target))
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "link.tar"]
    here.repair()


def test_a_link_is_followed_and_a_directory_is_not_written_over(here, model, tmp_path):
    (tmp_path / "link.tar").symlink_to("real.tar")
    export_item(here, model, str(tmp_path / "link.tar"))
    assert (tmp_path / "real.tar").stat().st_size > 7000
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").write_text("x")
    for destination in (full, tmp_path / "real.tar" / "x", full / "mine"):
        with pytest.raises(BundleError):
            export_item(here, model, str(destination), format="oci")
    with pytest.raises(InvalidDestination, match="is a directory"):
        export_item(here, model, str(full), format="tar")
    with pytest.raises(InvalidDestination, match="exists"):
        export_item(here, model, str(full))
    (tmp_path / "empty").mkdir()
    export_item(here, model, str(tmp_path / "empty"))
    assert (tmp_path / "empty" / "index.json").exists()


@pytest.mark.parametrize("name", ["a.tar.gz", "a.zip", "a.tgz", "a.zst", "memory://x"])
def test_a_suffix_of_others_is_a_question(here, model, name):
    with pytest.raises(InvalidDestination, match="unknown suffix") as caught:
        export_item(here, model, name)
    assert caught.value.exit_code == 2


def test_a_named_pipe_and_a_device_take_a_tar(here, there, model, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=export_item, args=(here, model, str(tmp_path / "pipe")))
    writer.start()
    assert import_item(there, str(tmp_path / "pipe")).item.digest == model.digest
    writer.join()
    assert export_item(here, model, "/dev/null").format == "tar"


def test_without_a_destination_the_tag_names_the_file(here, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert export_item(here, model).destination == f"iris-{model.version}.tar"
    assert import_item(here, f"iris-{model.version}.tar").written == 0


def test_python_and_tar_read_what_we_write(here, model, tmp_path):
    export_item(here, model, str(tmp_path / "a.tar"))
    with tarfile.open(tmp_path / "a.tar") as archive:
        members = archive.getmembers()
        assert {(m.mtime, m.uid, m.gid, m.mode, m.uname) for m in members} == {(0, 0, 0, 0o644, "")}
        assert [m.name for m in members[:2]] == ["oci-layout", "index.json"]
        index = json.load(archive.extractfile("index.json"))
    (descriptor,) = index["manifests"]
    assert descriptor["digest"] == model.manifest
    assert descriptor["annotations"]["org.opencontainers.image.ref.name"] == model.version
    listed = subprocess.run(
        ["tar", "tf", tmp_path / "a.tar"], capture_output=True, text=True, check=True
    )
    assert listed.stdout.splitlines() == [m.name for m in members]
    assert listed.stderr == ""


@pytest.mark.parametrize("form", ["gnu", "ustar", "v7", "pax"])
def test_what_tar_packs_of_a_layout_is_read_from_a_file(form, here, there, model, tmp_path):
    """Directories among it, members in the order of the disk, no end of ours."""
    export_item(here, model, str(tmp_path / "layout"))
    names = ["blobs", "index.json", "oci-layout"]
    subprocess.run(
        ["tar", f"--format={form}", "--sort=name", "-cf", tmp_path / "a.tar", "-C",
         tmp_path / "layout", *names],
        check=True,
    )  # fmt: skip
    if form in {"gnu", "ustar"}:
        assert import_item(there, str(tmp_path / "a.tar")).item.digest == model.digest
        with pytest.raises(InvalidArchive, match="too late in a stream"):  # the index comes late
            through_pipe(there, (tmp_path / "a.tar").read_bytes())
    else:
        with pytest.raises(InvalidArchive):
            import_item(there, str(tmp_path / "a.tar"))


def through_pipe(store, data):
    """Import what another process writes."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
        writer = threading.Thread(target=pour, args=(cat.stdin, data))
        writer.start()
        try:
            return import_item(store, f"/dev/fd/{cat.stdout.fileno()}")
        finally:
            cat.stdout.close()
            writer.join()


def pour(file, data):
    with suppress(BrokenPipeError), file:
        file.write(data)


def test_a_stream_of_ours_needs_no_file(here, there, model, tmp_path):
    export_item(here, model, str(tmp_path / "a.tar"))
    data = (tmp_path / "a.tar").read_bytes()
    assert through_pipe(there, data).item.digest == model.digest


def test_another_index_needs_a_name(here, there, model, tmp_path):
    """What is left of the annotations after another tool has copied the layout."""
    export_item(here, model, str(tmp_path / "layout"))
    index = tmp_path / "layout/index.json"
    document = json.loads(index.read_bytes())
    document.pop("annotations")
    document["manifests"][0].pop("annotations")
    document["manifests"][0].pop("artifactType")
    index.write_text(json.dumps(document, indent=3))
    with pytest.raises(InvalidTag, match="does not name its model") as caught:
        import_item(there, str(tmp_path / "layout"))
    assert "--as" in caught.value.hint
    assert import_item(there, str(tmp_path / "layout"), rename="x").item.tag == (
        f"x:{model.digest[7:19]}"
    )


@pytest.mark.parametrize("what", ["link", "pipe", "missing", "directory link", "directory"])
def test_a_directory_is_read_without_following_links(what, here, there, model, tmp_path):
    layout = tmp_path / "layout"
    export_item(here, model, str(layout))
    blob = layout / "blobs/sha256" / here.files(model)[0].digest[7:]
    shutil.copy(blob, tmp_path / "outside")
    if what == "directory link":
        (layout / "blobs").rename(tmp_path / "blobs")
        (layout / "blobs").symlink_to(tmp_path / "blobs")
    else:
        blob.unlink()
        {
            "link": lambda: blob.symlink_to(tmp_path / "outside"),
            "pipe": lambda: os.mkfifo(blob),
            "directory": blob.mkdir,
        }.get(what, lambda: None)()
    with pytest.raises(InvalidArchive):
        import_item(there, str(layout))
    assert there.items("model") == []
    assert there.gc(dry_run=True).blobs == 0


def test_a_flipped_bit_anywhere_is_refused_or_means_nothing(here, there, add_model, tmp_path):
    """Without its checksum an index is read as another tool's; then the rest of it is whole."""
    item = add_model("tiny", weights=b"w", methods=())
    export_item(here, item, str(tmp_path / "a.tar"))
    data = bytearray((tmp_path / "a.tar").read_bytes())
    flipped = tmp_path / "flipped.tar"
    taken = 0
    for position in range(0, len(data), 7):
        data[position] ^= 1 << (position % 8)
        flipped.write_bytes(data)
        try:
            came = import_item(there, str(flipped)).item
        except (InvalidArchive, InvalidTag):
            pass
        else:
            assert (came.tag, came.digest) == (item.tag, item.digest), position
            taken += 1
        data[position] ^= 1 << (position % 8)
    assert taken < 15
    assert there.verify() == []


def test_a_missing_zstandard_is_named(here, model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(BundleError, match="`zstandard`") as caught:
        export_item(here, model, str(tmp_path / "a.tar.zst"))
    assert "modelbundle[zstd]" in caught.value.hint
    (tmp_path / "b").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(20))
    with pytest.raises(BundleError, match="`zstandard`"):
        import_item(here, str(tmp_path / "b"))
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_zstd_is_told_by_its_content(here, there, model, tmp_path):
    export_item(here, model, str(tmp_path / "a"), format="tar.zst")
    assert (tmp_path / "a").read_bytes()[:4] == b"\x28\xb5\x2f\xfd"
    (tmp_path / "a").rename(tmp_path / "a.tar")
    assert import_item(there, str(tmp_path / "a.tar")).item.digest == model.digest


PATHS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="/\\"), min_size=1
).filter(lambda text: text not in {".", ".."} and text.isprintable() and len(text.encode()) < 200)


@settings(max_examples=40)
@given(
    files=st.dictionaries(PATHS, st.binary(max_size=2000), max_size=6),
    form=st.sampled_from(FORMATS),
)
def test_any_files_make_the_round_trip(files, form):
    with tempfile.TemporaryDirectory() as folder:
        here, there = Store(Path(folder, "here")), Store(Path(folder, "there"))
        blobs = {path: here.ingest_bytes(data) for path, data in files.items()}
        entries = tuple(FileEntry(p, b.digest, b.size) for p, b in sorted(blobs.items()))
        manifest = ModelManifest(
            "generic", "m:C", "pickle", None, {}, {}, entries, executes_code=True
        )
        try:
            item = here.commit("model", "any", manifest.encode(), entries, framework="generic")
        except BundleError:
            return  # two of them are one file on some disks
        archive = str(Path(folder, "archive"))
        if "model.json" in {path.casefold() for path in files}:
            return
        export_item(here, item, archive, format=form)
        came = import_item(there, archive)
        assert (came.item.tag, came.item.digest) == (item.tag, item.digest)
        assert contents(there, came.item) == files
        assert there.verify() == []


@settings(max_examples=60)
@given(data=st.data())
def test_no_change_of_an_archive_brings_a_traceback_or_leaves_anything(data):
    with tempfile.TemporaryDirectory() as folder:
        here, there = Store(Path(folder, "here")), Store(Path(folder, "there"))
        blob = here.ingest_bytes(b"weights" * 20)
        entries = (FileEntry("w", blob.digest, blob.size),)
        manifest = ModelManifest("generic", "m:C", "pickle", None, {}, {}, entries, True)
        item = here.commit("model", "any", manifest.encode(), entries)
        archive = Path(folder, "archive.tar")
        export_item(here, item, str(archive))
        there.ingest_bytes(b"something")
        content = bytearray(archive.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(content) - 1))
            length = data.draw(st.integers(0, 700))
            content[at : at + length] = data.draw(st.binary(max_size=700))
        archive.write_bytes(content)
        try:
            came = import_item(there, str(archive)).item
        except BundleError as error:
            said = str(error)
        else:
            assert came.digest == item.digest
            return
        assert "\n" not in said
        assert there.items("model") == []
        assert len(list((there.root / "blobs/sha256").iterdir())) == 1
