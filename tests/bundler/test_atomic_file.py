"""A file of a person's own is the old one or the new one, whatever happens meanwhile."""

import errno
import os

import pytest

from modelbundle.bundler import atomic_file
from modelbundle.bundler.store.files import disk

from .drive import Drive, there


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_replaces_what_was_there_and_keeps_its_mode(tmp_path):
    path = tmp_path / "lock"
    atomic_file.write(path, b"one")
    path.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(path)
    atomic_file.write(link, b"two")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two", 0o640)
    assert link.is_symlink()
    assert names(tmp_path) == ["link", "lock"]


def test_what_is_written_lasts(tmp_path, monkeypatch):
    drive = Drive(monkeypatch)
    atomic_file.write(tmp_path / "lock", b"one")
    assert drive.left(tmp_path) == there(tmp_path)
    with atomic_file.replacing(tmp_path / "large") as draft:
        draft.write_bytes(b"two")
    drive.close()
    assert drive.left(tmp_path) == there(tmp_path)
    assert drive.left(tmp_path).keys() == {"/lock", "/large"}


@pytest.mark.parametrize("call", ["fchmod", "fsync", "replace", "write"])
def test_a_refusal_leaves_the_old_one_and_nothing_else(tmp_path, monkeypatch, call):
    path = tmp_path / "lock"
    path.write_bytes(b"old")

    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "draft")

    where = atomic_file.Path if call == "replace" else os
    monkeypatch.setattr(where, call, refuse)
    with pytest.raises(OSError, match="No space left") as caught:
        atomic_file.write(path, b"new")
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["lock"]


def test_several_are_written_before_one_of_them_is_there(tmp_path, monkeypatch):
    seen = []
    replace = atomic_file.Path.replace

    def watch(draft, place):
        seen.append((place.name, sum(name.endswith(".part") for name in names(tmp_path))))
        return replace(draft, place)

    monkeypatch.setattr(atomic_file.Path, "replace", watch)
    atomic_file.write_all({tmp_path / "a": b"1", tmp_path / "b": b"2"})
    assert seen == [("a", 2), ("b", 1)]


def test_a_draft_takes_its_name_only_where_the_block_ends_well(tmp_path):
    def fail(place):
        with atomic_file.replacing(place) as draft:
            draft.write_bytes(b"half")
            raise ValueError("other")

    with pytest.raises(ValueError, match="other"):
        fail(tmp_path / "a")
    assert names(tmp_path) == []
    with atomic_file.replacing(tmp_path / "a") as draft:
        draft.write_bytes(b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"


def test_a_folder_that_cannot_be_synced_is_none_of_ours(tmp_path, monkeypatch):
    def refuse(number):
        monkeypatch.setattr(
            disk, "sync_directory", lambda _: (_ for _ in ()).throw(OSError(number, "no"))
        )

    refuse(errno.EINVAL)  # as SMB answers
    atomic_file.write(tmp_path / "a", b"1")
    refuse(errno.EIO)
    with pytest.raises(OSError, match="no"):
        atomic_file.write(tmp_path / "a", b"2")
