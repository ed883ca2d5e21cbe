"""An environment that several processes want at the same time, whatever locks are worth."""

import fcntl
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.progress import NullProgress
from modelbundle.bundler.requirements.environment_home import COMPLETE, EnvironmentHome
from modelbundle.bundler.store import drafts

from ..recorded_progress import RecordedProgress

HOLDER = """
import fcntl, os, signal, sys
from modelbundle.bundler.store.files.process import Process
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
file.write(str(Process.current()))
file.flush()
print("held", flush=True)
if sys.argv[2] == "stop":
    os.kill(os.getpid(), signal.SIGSTOP)
sys.stdin.readline()
"""


@pytest.fixture
def home(tmp_path):
    (tmp_path / "envs").mkdir()
    return EnvironmentHome(tmp_path / "envs" / "key-3.11")


@pytest.fixture
def hold(home):
    """Have another process take the lock, and then stop, or wait for a line."""
    started = []

    def start(then):
        command = [sys.executable, "-c", HOLDER, f"{home.path}.lock", then]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        if then == "stop":
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def fill(folder):
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()


def folders(home):
    return [path for path in home.path.parent.iterdir() if path.is_dir() and not path.is_symlink()]


def test_two_that_know_nothing_of_each_other_disturb_neither(home, monkeypatch):
    """As where a lock does nothing: each fills a folder, one is used, and none is removed in use."""
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    both = threading.Barrier(2, timeout=60)

    def slowly(folder):
        fill(folder)
        both.wait()
        assert (folder / "bin" / "python").exists()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(home.make, slowly, NullProgress()) for _ in range(2)]:
            done.result()
    assert home.is_complete
    assert folders(home) == [home.path.resolve()]
    assert not list(home.path.parent.glob(".*"))


def test_one_that_is_being_made_is_waited_for_and_its_process_named(home, hold):
    holder, progress = hold("wait"), RecordedProgress()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(home.make, fill, progress)
        while not progress.steps:
            assert not waiting.done()
        assert progress.steps == [
            f"Waiting for process {holder.pid}, which makes the environment `{home.path}`"
        ]
        holder.kill()
        waiting.result(60)
    assert home.is_complete


def test_a_stopped_process_stops_no_other(home, hold):
    hold("stop")
    home.make(fill, NullProgress())
    assert home.is_complete


def test_a_file_system_without_locks_needs_none(home, monkeypatch):
    def fails(*_):
        raise OSError("No locks available")

    monkeypatch.setattr(fcntl, "flock", fails)
    home.make(fill, NullProgress())
    assert home.is_complete


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_fills_is_not(home):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    living = drafts.new(home.path.parent, f".{home.path.name}")
    dead = Path(str(living).replace(f".{os.getpid()}.", f".{ended.pid}."))
    for mark, token in ((living, "0" * 8), (dead, "1" * 8)):
        folder = home.path.with_name(f"{home.path.name}.{token}")
        fill(folder)
        mark.symlink_to(folder.name)
    home.make(fill, NullProgress())
    assert {path.name[-8:] for path in folders(home)} == {"0" * 8, home.path.resolve().name[-8:]}


def test_one_that_cannot_be_made_leaves_nothing(home):
    def fails(folder):
        fill(folder)
        raise ResolveError("No wheel.")

    with pytest.raises(ResolveError):
        home.make(fails, NullProgress())
    assert {path.name for path in home.path.parent.iterdir()} == {f"{home.path.name}.lock"}


def test_a_folder_of_an_older_version_is_used_and_replaced_when_it_is_not_complete(home):
    fill(home.path)
    (home.path / COMPLETE).touch()
    home.make(pytest.fail, NullProgress())
    (home.path / COMPLETE).unlink()
    home.make(fill, NullProgress())
    assert home.is_complete
    assert folders(home) == [home.path.resolve()]
