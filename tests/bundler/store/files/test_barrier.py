"""Many files are made durable by one call, where that is as good as one for each."""

import errno
import os

import pytest

from modelbundle.bundler.store.files import barrier, disk
from modelbundle.bundler.store.files.barrier import Barrier


class Libc:
    """What the system is asked, and answers."""

    def __init__(self, kind=0xEF53, result=0):
        self.kind, self.result, self.synced = kind, result, 0

    def fstatfs(self, descriptor, about):
        about[:8] = self.kind.to_bytes(8, "little")
        return 0

    def syncfs(self, descriptor):
        self.synced += 1
        return self.result


@pytest.fixture
def many(tmp_path):
    paths = [tmp_path / str(number) for number in range(100)]
    for path in paths:
        path.touch()
    return paths


@pytest.fixture
def one_by_one(monkeypatch):
    synced = []
    monkeypatch.setattr(disk, "sync_file", synced.append)
    return synced


def sync(monkeypatch, paths, libc, release="6.1.0-13-amd64"):
    monkeypatch.setattr(barrier, "_libc", lambda: libc)
    monkeypatch.setattr(os, "uname", lambda: type("Kernel", (), {"release": release}))
    with Barrier(paths[0].parent) as opened:
        opened.sync(paths)


def test_many_files_are_one_call(monkeypatch, many, one_by_one):
    sync(monkeypatch, many, libc := Libc())
    assert libc.synced == 1
    assert one_by_one == []


def test_few_files_do_not_wait_for_all_else_on_the_disk(monkeypatch, many, one_by_one):
    sync(monkeypatch, many[:64], libc := Libc())
    assert libc.synced == 0
    assert one_by_one == many[:64]


@pytest.mark.parametrize(
    ("kind", "release"), [(0x6969, "6.1.0"), (0x65735546, "6.1.0"), (0xEF53, "5.7.19-generic")]
)
def test_where_the_system_may_not_tell_of_failure_each_file_is_synced(
    monkeypatch, many, one_by_one, kind, release
):
    """NFS and FUSE; ext4 before Linux 5.8."""
    sync(monkeypatch, many, libc := Libc(kind), release)
    assert libc.synced == 0
    assert one_by_one == many


def test_without_the_call_each_file_is_synced(monkeypatch, many, one_by_one):
    sync(monkeypatch, many, object())
    assert one_by_one == many


def test_a_failure_is_told_by_path(monkeypatch, many):
    barrier.ctypes.set_errno(errno.EIO)
    with pytest.raises(OSError, match="Input/output error") as caught:
        sync(monkeypatch, many, Libc(result=-1))
    assert caught.value.filename == str(many[0].parent)


def test_the_systems_own_answer(many):
    with Barrier(many[0].parent) as opened:
        opened.sync(many)
    with pytest.raises(FileNotFoundError):
        Barrier(many[0].parent / "absent")
