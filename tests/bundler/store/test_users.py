"""Two users, and a store that cannot be written."""

import os
import shutil
import stat
import tempfile
import traceback
from pathlib import Path

import pytest

from modelbundle.bundler.errors import Damaged, StoreError
from modelbundle.bundler.store import Store

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become two users")
ALICE, BOB, GROUP = 60001, 60002, 60003


def as_user(uid, action, umask=0o022):
    """Run `action` in a child as another user; what it returns is its exit status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 100
    try:
        os.setgroups([GROUP])
        os.setresgid(GROUP, GROUP, GROUP)
        os.setresuid(uid, uid, uid)
        os.umask(umask)
        status = int(action() or 0)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(status)


@pytest.fixture
def common(save):
    """A directory that every user may enter."""
    save.store.directory(save())  # imports now what another user may not be able to read
    save.store.delete(save.store.find("iris"))
    save.store.gc()
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def shared(common):
    """A store that a group works in: made by hand with the setgid bit."""
    path = common / "store"
    path.mkdir()
    os.chown(path, ALICE, GROUP)
    path.chmod(0o2770)
    return path


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_two_users_of_a_group_share_a_store(shared, saver, umask):
    def alice():
        save = saver(Store(shared))
        save.store.directory(save("a", files={"w": b"alice", "run": b"#!"}, executable=("run",)))
        save("both", files={"w": b"1"}, aliases=["production"])

    def bob():
        save = saver(Store(shared))
        save("b", files={"w": b"alice", "v": b"bob"})
        save("both", files={"w": b"2"}, aliases=["production"])
        save("both", files={"w": b"1"})
        save.store.directory(save.store.find("a"))
        save.store.directory(save.store.find("b"))
        save.store.delete(save.store.find("a"))
        save.store.gc()
        return len(save.store.verify())

    assert as_user(ALICE, alice, umask) == 0
    assert as_user(BOB, bob, umask) == 0
    assert as_user(ALICE, lambda: len(Store(shared).verify()), umask) == 0
    assert as_user(ALICE, lambda: Store(shared).gc() and 0, umask) == 0
    for path in shared.rglob("*"):
        assert not path.stat().st_mode & stat.S_IWOTH, path
    assert {item.name for item in Store(shared).items("model")} == {"b", "both"}


def test_one_users_store_is_closed_to_another(common, saver):
    common.chmod(0o777)
    home = common / "home"
    assert as_user(ALICE, lambda: saver(Store(home))() and 0) == 0

    def bob():
        try:
            Store(home).items("model")
        except StoreError as error:
            return 7 if "EACCES" in str(error) and "BUNDLE_HOME" in error.hint else 8

    assert as_user(BOB, bob) == 7


def test_a_store_that_may_only_be_read_serves_and_refuses_to_save(common, saver):
    root = common / "store"
    save = saver(Store(root))
    laid_out = save("a", files={"w": b"a"}, aliases=["production"])
    save.store.directory(laid_out)
    item = save(
        "b", files={"w": b"b", "samples/predict.json": b"{}", "run": b"#!"}, executable=("run",)
    )
    for path in (root, *root.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    before = {str(path): path.lstat() for path in root.rglob("*") if "tmp" not in path.parts[3:]}

    def bob():
        store = Store(root)
        assert [i.name for i in store.items("model")] == ["a", "b"]
        assert store.find("a@production").digest == laid_out.digest
        assert store.verify() == []
        assert store.usage().models == 2
        assert (store.directory(store.find("a")) / "w").read_bytes() == b"a"
        directory = store.directory(store.find("b"))
        assert root not in directory.parents
        assert (directory / "w").read_bytes() == b"b"
        assert (directory / "model.json").read_bytes() == store.config(item)
        assert os.access(directory / "run", os.X_OK)
        with store.hold(item):
            pass
        shutil.rmtree(directory)
        for change in (
            lambda: saver(store)("c"),
            lambda: store.delete(item),
            lambda: store.alias(item, "x"),
            lambda: store.trust.grant("0" * 64, "x"),
        ):
            with pytest.raises(StoreError, match="EACCES"):
                change()
        return 0

    assert as_user(BOB, bob) == 0
    after = {str(path): path.lstat() for path in root.rglob("*") if "tmp" not in path.parts[3:]}
    assert {p: s.st_mtime_ns for p, s in after.items()} == {
        p: s.st_mtime_ns for p, s in before.items()
    }


def test_a_name_whose_refs_cannot_be_listed_hides_no_other(shared, saver):
    """Not allowed to be read, or on sectors that fail: it is one damaged item."""

    def look():
        store = Store(shared)
        for name in ("iris", "other"):
            saver(store)(name, files={"w": name.encode()})
        names = shared / "refs/models/iris"
        before = sorted((shared / "blobs/sha256").iterdir())
        names.chmod(0)
        iris, other = store.items("model")
        assert (iris.tag, other.name, other.damaged) == ("iris:?", "other", None)
        assert "Permission denied" in iris.damaged
        assert [damage.tag for damage in store.verify()] == ["model:iris:?"]
        with pytest.raises(Damaged, match="iris"):
            store.gc()
        with pytest.raises(StoreError, match="EACCES"):  # it may be there
            store.find("iris")
        assert store.find("other").tag == other.tag
        names.chmod(0o2770)
        assert sorted((shared / "blobs/sha256").iterdir()) == before
        assert store.verify() == []

    assert as_user(ALICE, look) == 0
