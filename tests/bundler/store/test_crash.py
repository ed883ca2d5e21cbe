"""Killed, refused and out of room at every step: the store lists, verifies and saves after it.

A child of this file's own `main` counts what it does to the disk with an audit hook, and at the
k-th change kills itself or is refused by the system. Then a fresh process looks at what it left.
"""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from modelbundle.bundler.errors import StoreError
from modelbundle.bundler.store import Store
from modelbundle.bundler.store.files import barrier
from modelbundle.runtime.manifests.file_entry import FileEntry

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {"os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod",
           "os.symlink", "os.utime"}  # fmt: skip


def commit(store, name, data, **options):
    blob = store.ingest_bytes(data)
    files = [FileEntry("w", blob.digest, blob.size)]
    return store.commit("model", name, b'{"w":"%s"}' % blob.digest.encode(), files, **options)


def first(root):
    """What stands in every store before the fault."""
    store = Store(root)
    commit(store, "old", b"old", aliases=["production"])
    store.directory(commit(store, "gone", b"gone", version="1"))
    commit(store, "iris", b"first", version="1")


def save_new(root):
    store = Store(root)
    source = root.parent / "source"
    blob = store.ingest(source)
    store.commit("model", "iris", b"{}", [FileEntry("w", blob.digest, blob.size)], version="2",
                 aliases=["production", "canary"])  # fmt: skip


def save_again(root):
    commit(Store(root), "iris", b"first", version="1")


def move_in(root):
    store = Store(root)
    with store.staging() as directory:
        (directory / "w").write_bytes(b"moved")
        blob = store.ingest(directory / "w", move=True)
    store.commit("model", "iris", b"[]", [FileEntry("w", blob.digest, blob.size)], version="2")


def save_many(root):
    """Blobs that are synced together, as a build of a large project does."""
    store = Store(root)
    with pytest.MonkeyPatch.context() as patched, store.batch() as batch:
        patched.setattr(barrier, "_FEW", 1)
        blobs = [batch.ingest_bytes(b"1"), batch.ingest(root.parent / "source")]
    files = [FileEntry(blob.digest[7:], blob.digest, blob.size) for blob in blobs]
    store.commit("model", "iris", b"[1]", files, version="2")


def delete(root):
    store = Store(root)
    store.delete(store.find("gone"))


def collect(root):
    store = Store(root)
    store.delete(store.find("gone"))
    store.gc()


def alias(root):
    store = Store(root)
    store.alias(store.find("iris"), "production")


def lay_out(root):
    store = Store(root)
    store.directory(store.find("iris"))


def trust(root):
    store = Store(root)
    store.trust.grant(store.find("iris").digest, "vouched for")


def attach(root):
    store = Store(root)
    store.referrers.attach(store.find("iris"), "application/vnd.test", b"about it")


def hold(root):
    """As export and push do."""
    store = Store(root)
    with store.hold(store.find("iris")):
        pass


COMMANDS = [
    save_new,
    save_many,
    save_again,
    move_in,
    delete,
    collect,
    alias,
    lay_out,
    trust,
    attach,
]


LASTING = {errno.EIO, errno.EROFS}
UNREACHED, BORNE, TOLD, UNTOLD, CRASHED = 0, 2, 3, 4, 5


class Fault:
    """An audit hook: what happens at the `step`-th change of the disk below `root`."""

    def __init__(self, root, step, number):
        self.root, self.step, self.number = str(root), step, number
        self.taken = 0

    def __call__(self, event, arguments):
        writes = event == "open" and arguments[2] & WRITING
        if (event in CHANGES or writes) and str(arguments[0]).startswith(self.root):
            self.taken += 1
            # A device or mount that fails, fails from then on; a full disk may find room again.
            if self.taken == self.step or (self.taken > self.step and self.number in LASTING):
                self.happen(arguments[0])

    def happen(self, path):
        if self.number == signal.SIGKILL:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.number == signal.SIGINT:
            raise KeyboardInterrupt
        raise OSError(self.number, os.strerror(self.number), path)


def interrupt(root, command, step, number):
    """Run `command` in a child with a fault; how it ended, None for killed."""
    child = os.fork()
    if child:
        status = os.waitpid(child, 0)[1]
        return os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
    fault = Fault(root, step, number)
    end = CRASHED
    try:
        sys.addaudithook(fault)
        command(root)
        end = BORNE if fault.taken >= step else UNREACHED
    except KeyboardInterrupt:
        end = TOLD
    except StoreError as error:
        end = TOLD if errno.errorcode[number] in str(error) and str(root) in str(error) else UNTOLD
    finally:
        os._exit(end)


def check(root, command, ended):
    """The promise: lists, verifies, finds the old, and the command works when asked again."""
    store = Store(root)
    items = store.items("model")
    assert all(item.damaged is None for item in items), items
    assert store.verify() == []
    assert store.find("old@production").name == "old"
    assert {item.tag for item in items} >= {store.find("old").tag, "iris:1"}
    if ended:
        assert store.find("iris").version == (
            "2" if command in {save_new, save_many, move_in} else "1"
        )
    for item in items:
        store.directory(item)
    if "gone" in {item.name for item in items} or command not in {delete, collect}:
        command(root)
    store.gc()
    assert Store(root).verify() == []
    alive = str(os.getpid())
    assert all(path.name.startswith(alive) for path in (root / "tmp").iterdir())


@pytest.fixture(scope="module")
def room():
    """A directory with the store before any fault: in memory, as no test here cuts the power."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as directory:
        room = Path(directory)
        subprocess.run([sys.executable, __file__, "first", room / "pattern"], check=True)
        (room / "source").write_bytes(b"s" * 3000)
        yield room


def every_step(room, command, fault):
    """Try each step in a fresh copy of one store; how many there were."""
    pattern, root = room / "pattern", room / "store"
    shutil.rmtree(root, ignore_errors=True)  # of a test that failed
    for step in range(1, 200):
        shutil.copytree(pattern, root)
        end = interrupt(root, command, step, fault)
        assert end not in {UNTOLD, CRASHED}, (command.__name__, step)
        check(root, command, ended=end in {UNREACHED, BORNE})
        shutil.rmtree(root)
        if end == UNREACHED:
            return step - 1
    raise AssertionError


@pytest.mark.parametrize("command", COMMANDS)
def test_a_kill_at_any_change_of_the_disk_harms_nothing(room, command):
    assert every_step(room, command, signal.SIGKILL) >= 5


@pytest.mark.parametrize("command", [save_new, collect])
def test_a_ctrl_c_at_any_change_of_the_disk_harms_nothing(room, command):
    assert every_step(room, command, signal.SIGINT) >= 5


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        (save_new, errno.ENOSPC),
        (save_many, errno.EIO),
        (save_again, errno.EDQUOT),
        (collect, errno.ENOSPC),
        (alias, errno.EROFS),
        (attach, errno.EDQUOT),
        (trust, errno.EROFS),
        (hold, errno.EIO),
    ],
)
def test_a_refusal_at_any_change_is_told_and_leaves_no_half_item(room, command, fault):
    assert every_step(room, command, fault) >= 5


STRACE = shutil.which("strace")
LINE = re.compile(r"^\d+ +(\w+)\((.*)\) += (\S+)")
PATH = re.compile(r'<(/[^>]*)>|"(/[^"]*)"')


def traced(tmp_path, *options, command="save_new"):
    """What a save does to the disk, call by call, as (call, paths, result)."""
    root, log = tmp_path / "store", tmp_path / "trace"
    if not root.exists():
        (tmp_path / "source").write_bytes(b"s" * 3000)
        subprocess.run([sys.executable, __file__, "first", root], check=True)
    strace = [STRACE, "-f", "-y", "-s", "0", "-o", log, *options]
    line = [*strace, sys.executable, __file__, command, root]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    calls = []
    for match in filter(None, map(LINE.match, log.read_text().splitlines())):
        paths = [a or b for a, b in PATH.findall(match[2])]
        calls.append((match[1], [path for path in paths if path.startswith(str(root))], match[3]))
    return root, calls, done


@pytest.mark.skipif(not STRACE, reason="needs strace")
@pytest.mark.parametrize("command", ["save_new", "save_many"])
def test_everything_is_synced_before_it_is_named_and_its_name_before_the_save_returns(
    tmp_path, command
):
    watched = "trace=write,fsync,syncfs,rename,renameat,renameat2,link,linkat,mkdir"
    _, calls, done = traced(tmp_path, "-e", watched, command=command)
    assert done.returncode == 0, done.stderr
    unsynced, unnamed, named = set(), set(), 0
    for call, paths, _ in calls:
        if call == "write" and paths:
            unsynced.add(paths[0])
        elif call == "syncfs":
            unsynced.clear()
        elif call == "fsync":
            unsynced.discard(paths[0])
            unnamed.discard(paths[0])
        elif call.startswith("rename") and "/memo/" in paths[-1]:
            unsynced.discard(paths[-2])  # what a memo loses is computed again
        elif call.startswith(("rename", "link")) and re.search("/(blobs|refs|counter)/", paths[-1]):
            assert paths[-2] not in unsynced
            if "/refs/" in paths[-1]:  # the commit: all that it speaks of is durable before
                assert not {path for path in unnamed if "/blobs/" in path}
                assert not {path for path in unsynced if "memo" not in path}
            unnamed.add(str(Path(paths[-1]).parent))
            named += 1
    assert named >= 6
    assert ("syncfs" in {call for call, _, _ in calls}) == (command == "save_many")
    # What the counter says last is for processes that run: no power cut asks for it.
    assert {path for path in unnamed if not path.endswith("/counter")} == set()


@pytest.mark.skipif(not STRACE, reason="needs strace")
def test_a_failed_sync_is_never_taken_for_success(tmp_path):
    told = []
    for number in range(1, 40):
        fault = f"inject=fsync:error=EIO:when={number}"
        root, calls, done = traced(tmp_path, "-e", "trace=fsync", "-e", fault)
        if "-1" not in {result for _, _, result in calls}:
            break
        told.append(
            "StoreError" in done.stderr and str(root) in done.stderr and "(EIO)" in done.stderr
        )
        store = Store(root)
        assert store.verify() == []
        for item in store.items("model"):
            if item.tag == "iris:2":
                store.delete(item)
        store.gc()  # so that the next one writes everything again
    assert len(told) > 8
    assert told == [True] * (len(told) - 1) + [False]  # the last is index.json, which is derived


if __name__ == "__main__":
    {command.__name__: command for command in (first, *COMMANDS)}[sys.argv[1]](Path(sys.argv[2]))
