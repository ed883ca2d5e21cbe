"""Archives behind URLs, through fsspec's own file systems."""

import errno
import os

import fsspec
import pytest

from modelbundle.bundler.archives import export_item, import_item
from modelbundle.bundler.archives.streams.remote_location import is_remote
from modelbundle.bundler.errors import StoreError
from modelbundle.runtime.errors import BundleError


@pytest.fixture
def memory():
    """The file system behind `memory://`, empty."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


@pytest.mark.parametrize("suffix", [".tar", ".tar.zst"])
def test_a_url_takes_and_gives(suffix, here, there, model, memory):
    url = f"memory://models/iris{suffix}"
    export_item(here, model, url)
    assert memory.exists(f"/models/iris{suffix}")
    came = import_item(there, url)
    assert (came.item.tag, came.item.digest) == (model.tag, model.digest)
    assert there.verify() == []


def test_the_bytes_are_those_of_a_file(here, model, memory, tmp_path):
    export_item(here, model, "memory://iris.tar")
    export_item(here, model, str(tmp_path / "iris.tar"))
    assert memory.cat("/iris.tar") == (tmp_path / "iris.tar").read_bytes()


def test_what_fails_on_its_way_is_not_there(here, model, memory, tmp_path):
    here.blob(here.files(model)[0].digest).unlink()
    with pytest.raises(BundleError):
        export_item(here, model, "memory://iris.tar")
    assert memory.find("/") == []


def test_a_damaged_object_is_refused(here, there, model, memory):
    export_item(here, model, "memory://iris.tar")
    data = bytearray(memory.cat("/iris.tar"))
    data[-3000] ^= 1
    memory.pipe("/iris.tar", bytes(data))
    with pytest.raises(BundleError) as caught:
        import_item(there, "memory://iris.tar")
    assert caught.value.exit_code == 6
    assert there.items("model") == []


@pytest.mark.parametrize("url", ["memory://nothing.tar", "nonsense://x.tar", "s3://x/y.tar"])
def test_what_cannot_be_reached_is_one_line(url, here, model, memory, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(BundleError, match="Could not read") as caught:
        import_item(here, url)
    assert "\n" not in str(caught.value)


def test_the_missing_extra_is_named(here, model, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    with pytest.raises(BundleError, match="`fsspec`") as caught:
        import_item(here, "s3://models/iris.tar")
    assert "modelbundle[remote]" in caught.value.hint


def test_a_path_is_no_url():
    assert not is_remote("a/b.tar")
    assert not is_remote("C:\\b.tar")
    assert not is_remote("://x")
    assert is_remote("s3://x/y")


def test_what_a_store_says_never_shows_a_key(here, model, memory, monkeypatch):
    with pytest.raises(BundleError) as caught:
        import_item(here, "nonsense://user:secret@host/x.tar?sig=secret")
    assert "secret" not in str(caught.value)
    assert "host/x.tar" in str(caught.value)


def test_a_file_behind_a_url_is_written_whole_or_not_at_all(here, model, tmp_path, monkeypatch):
    """fsspec would copy over what is there, from another disk and piece by piece."""
    path = tmp_path / "a b.tar"
    path.write_bytes(b"old")
    url = path.as_uri()

    def refuse(number):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        with pytest.raises(StoreError, match=r"a b\.tar`.*\(ENOSPC\)"):
            export_item(here, model, url)
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir() if each.name.endswith("part")] == []
    export_item(here, model, url)
    export_item(here, model, str(tmp_path / "plain.tar"))
    assert path.read_bytes() == (tmp_path / "plain.tar").read_bytes()
