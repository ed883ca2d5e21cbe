"""A store on a read-only mount, for a user without a home: all that only looks works."""

import os
import subprocess
import tempfile
import traceback
from pathlib import Path

import pytest

from modelbundle.bundler.archives import export_item
from modelbundle.bundler.errors import StoreError
from modelbundle.bundler.store import Store

NOBODY = 65534


@pytest.fixture
def mounted(save, tmp_path):
    """The store of `save`, mounted read-only where everybody may look."""
    item = save("iris", files={"w": b"weights", "v": b"more"}, aliases=["production"])
    save.store.directory(item)
    save.store.referrers.attach(item, "application/vnd.test", b"about it")
    save.store.gc()
    for path in (save.store.root, *save.store.root.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    bind = subprocess.run(["mount", "--bind", save.store.root, place], check=False)
    if os.geteuid() or bind.returncode:
        place.rmdir()
        pytest.skip("needs leave to mount")
    subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)
    place.rmdir()


def as_nobody(action):
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 100
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        os.environ.pop("HOME", None)
        action()
        status = 0
    except BaseException:  # noqa: BLE001  the child says it by its status
        traceback.print_exc()
    finally:
        os._exit(status)


def test_looking_works_and_writing_says_why_not(mounted):
    scratch = Path(tempfile.mkdtemp())
    scratch.chmod(0o777)

    def look():
        store = Store(mounted)
        (item,) = store.items("model")
        assert store.find("iris@production").digest == item.digest
        assert store.verify() == []
        assert store.usage().models == 1
        assert [store.referrers.read(one) for one in store.referrers.of(item)] == [b"about it"]
        with store.hold(item):
            assert (store.directory(item) / "w").read_bytes() == b"weights"
        export_item(store, item, str(scratch / "iris.tar"))
        for change in (
            lambda: store.ingest_bytes(b"x"),
            lambda: store.delete(item),
            lambda: store.alias(item, "canary"),
            lambda: store.trust.grant(item.digest, "x"),
            lambda: store.referrers.attach(item, "x", b"x"),
        ):
            with pytest.raises(StoreError, match="EROFS"):
                change()

    try:
        assert as_nobody(look) == 0
        assert (scratch / "iris.tar").stat().st_size > 1000
    finally:
        subprocess.run(["rm", "-rf", scratch], check=True)


def test_files_are_laid_out_elsewhere_where_the_store_cannot_be_written(mounted):
    def look():
        store = Store(mounted)
        files = store.files(store.find("iris"))
        with store.laying_out(files) as directory:
            assert (directory / "w").read_bytes() == b"weights"
            assert not directory.is_relative_to(mounted)
        assert not directory.exists()

    assert as_nobody(look) == 0


def test_a_service_without_models_needs_no_store_where_none_can_be_made(mounted):
    """The first command of a user whose home is read-only, too."""

    def action():
        with Store(mounted / "no" / "store").laying_out([]) as directory:
            assert list(directory.iterdir()) == []
        assert not directory.exists()

    assert as_nobody(action) == 0
    assert not (mounted / "no").exists()
