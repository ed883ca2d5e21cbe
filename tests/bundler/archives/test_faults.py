"""An import that is killed, refused or out of room at any step leaves the store as it was."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from modelbundle.bundler.archives import export_item, import_item
from modelbundle.bundler.errors import StoreError
from modelbundle.bundler.store import Store
from modelbundle.bundler.store.files import disk

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))
import test_crash as crash


@pytest.fixture
def archive(here, model, tmp_path):
    export_item(here, model, str(tmp_path / "archive.tar"))
    return tmp_path / "archive.tar"


@pytest.fixture
def pattern(there, add_model, here, tmp_path):
    """A store with something in it."""
    export_item(here, add_model("old"), str(tmp_path / "old.tar"))
    import_item(there, str(tmp_path / "old.tar"))
    shutil.rmtree(there.root / "tmp")
    (there.root / "tmp").mkdir()
    return there.root


def every_step(tmp_path, pattern, command, fault):
    """Try each step in a fresh copy of one store; what each has ended with."""
    root, ends = tmp_path / "store", []
    for step in range(1, 200):
        shutil.copytree(pattern, root)
        ends.append(crash.interrupt(root, command, step, fault))
        check(root, command, ended=ends[-1] in {crash.UNREACHED, crash.BORNE})
        shutil.rmtree(root)
        if ends[-1] == crash.UNREACHED:
            return ends
    raise AssertionError


def check(root, command, *, ended):
    """Whole or not there; and asked again, it works and nothing is left over."""
    store = Store(root)
    names = [item.name for item in store.items("model")]
    assert names in (["iris", "old"], ["old"])
    assert not ended or "iris" in names
    assert store.verify() == []
    command(root)
    assert [item.name for item in store.items("model")] == ["iris", "old"]
    store.gc()
    assert Store(root).verify() == []
    alive = str(os.getpid())
    assert all(path.name.startswith(alive) for path in (root / "tmp").iterdir())


def test_a_kill_at_any_change_of_the_disk_harms_nothing(tmp_path, pattern, archive):
    def take(root):
        import_item(Store(root), str(archive))

    ends = every_step(tmp_path, pattern, take, signal.SIGKILL)
    assert len(ends) > 15
    assert set(ends[:-1]) == {None}


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO])
def test_a_refusal_at_any_change_is_told(fault, tmp_path, pattern, archive):
    def take(root):
        import_item(Store(root), str(archive))

    ends = every_step(tmp_path, pattern, take, fault)
    assert len(ends) > 15
    assert not set(ends) & {crash.UNTOLD, crash.CRASHED}
    assert ends.count(crash.TOLD) > 10


def test_a_disk_without_room_is_told_before_anything_is_written(there, here, add_model, tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path / "disk"]
    (tmp_path / "disk").mkdir()
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs leave to mount")
    try:
        export_item(here, add_model("big", weights=os.urandom(3 << 20)), str(tmp_path / "big.tar"))
        store = Store(tmp_path / "disk" / "store")
        with pytest.raises(StoreError, match="ENOSPC") as caught:
            import_item(store, str(tmp_path / "big.tar"))
        assert "3,1" in str(caught.value)
        assert not any((store.root / "blobs/sha256").iterdir())
        with pytest.raises(StoreError, match="ENOSPC"):
            export_item(here, here.find("big"), str(tmp_path / "disk" / "big.tar"))
        with pytest.raises(StoreError, match="ENOSPC"):
            export_item(here, here.find("big"), str(tmp_path / "disk" / "big"))
        assert [path.name for path in (tmp_path / "disk").iterdir()] == ["store"]
    finally:
        subprocess.run(["umount", tmp_path / "disk"], check=True)


def test_a_directory_that_cannot_be_synced_does_not_appear(here, model, tmp_path, monkeypatch):
    seen = []

    def refuse(path):
        seen.append(path.name)
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    monkeypatch.setattr(disk, "sync_file", refuse)
    with pytest.raises(StoreError, match="EIO"):
        export_item(here, model, str(tmp_path / "layout"))
    assert len(seen) == 1
    assert not (tmp_path / "layout").exists()


def test_a_ctrl_c_leaves_nothing(there, here, add_model, tmp_path):
    export_item(here, add_model("big", weights=os.urandom(3 << 20)), str(tmp_path / "big.tar"))

    class Impatient:
        def step(self, text): ...

        def meter(self, text, total, unit="bytes"):
            from contextlib import nullcontext

            class Meter:
                def advance(self, amount):
                    raise KeyboardInterrupt

            return nullcontext(Meter())

    with pytest.raises(KeyboardInterrupt):
        import_item(there, str(tmp_path / "big.tar"), progress=Impatient())
    assert not any((there.root / "blobs/sha256").iterdir())
    assert not [path for path in (there.root / "tmp").rglob("*") if path.is_file()]
    with pytest.raises(KeyboardInterrupt):
        export_item(here, here.find("big"), str(tmp_path / "again.tar"), progress=Impatient())
    assert {path.name for path in tmp_path.iterdir()} == {"big.tar", "there"}


def test_an_archive_that_cannot_be_read_is_no_traceback(there, tmp_path):
    (tmp_path / "secret.tar").write_bytes(b"")
    missing = tmp_path / "missing.tar"
    with pytest.raises(Exception, match="There is no") as caught:
        import_item(there, str(missing))
    assert caught.value.exit_code == 1
    with pytest.raises(StoreError, match="Could not read the archive"):
        import_item(there, "/proc/self/mem")


UNCALLED = {("mkdir", "out.tar"), ("rename", "out.tar"), ("replace", "out")}


@pytest.mark.parametrize("name", ["out.tar", "out"])
@pytest.mark.parametrize("call", ["open", "mkdir", "replace", "rename"])
def test_what_cannot_be_written_is_called_as_it_was_named(
    here, model, tmp_path, monkeypatch, name, call
):
    place, real = (
        tmp_path / name,
        {one: getattr(os, one) for one in ("open", "mkdir", "replace", "rename")},
    )

    def refuse(path, *rest, **named):
        if ".part" in str(path):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real[call](path, *rest, **named)

    monkeypatch.setattr(os, call, refuse)
    with suppress(StoreError) if (call, name) in UNCALLED else pytest.raises(StoreError) as caught:
        export_item(here, model, str(place))
    monkeypatch.undo()
    if caught is not None:
        assert f"`{place}`" in str(caught.value)


def test_a_directory_whose_name_may_not_last_is_taken_back(here, model, tmp_path, monkeypatch):
    def refuse(path):
        if path == tmp_path:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    with monkeypatch.context() as patched:
        patched.setattr(disk, "sync_directory", refuse)
        with pytest.raises(StoreError, match="EIO"):
            export_item(here, model, str(tmp_path / "layout"))
    assert not (tmp_path / "layout").exists()
    assert not list(tmp_path.glob(".*.part"))
    export_item(here, model, str(tmp_path / "layout"))


@pytest.mark.parametrize("name", ["layout", "archive.tar"])
def test_a_file_system_that_syncs_no_directory_gets_archives(
    name, here, model, tmp_path, monkeypatch
):
    def refuse(path):
        if path.is_relative_to(tmp_path) and not path.is_relative_to(here.root):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))

    monkeypatch.setattr(disk, "sync_directory", refuse)
    export_item(here, model, str(tmp_path / name))
    assert (tmp_path / name).exists()
