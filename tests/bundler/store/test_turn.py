"""Turns: one process at a time, whatever became of the one before."""

import errno
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelbundle.bundler.errors import StoreError
from modelbundle.bundler.store import turn
from modelbundle.bundler.store.files import disk
from modelbundle.bundler.store.files.process import Process

from ..recorded_progress import RecordedProgress

TAKE = """
import os, signal, sys
from pathlib import Path
from modelbundle.bundler.store import turn
with turn.taken(Path(sys.argv[1])):
    os.kill(os.getpid(), int(sys.argv[2]))
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / ".turn"


@pytest.fixture
def ended_by(path):
    """Another process, which took its turn and then got a signal."""
    started = []

    def run(number):
        process = subprocess.Popen([sys.executable, "-c", TAKE, path, str(int(number))])
        started.append(process)
        if number == signal.SIGSTOP:
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        else:
            process.wait()
        return process.pid

    yield run
    for process in started:
        process.kill()
        process.wait()


def test_one_at_a_time(path, tmp_path):
    number = tmp_path / "number"
    number.write_text("0")

    def add():
        for _ in range(25):
            with turn.taken(path):
                number.write_text(str(int(number.read_text()) + 1))

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(add) for _ in range(4)]:
            done.result()
    assert number.read_text() == "100"
    assert [one.name for one in tmp_path.iterdir()] == ["number"]


def test_the_turn_of_a_killed_process_is_over(path, ended_by):
    ended_by(signal.SIGKILL)
    assert path.exists()
    with turn.taken(path):
        assert disk.read(path).decode() == str(Process.current())
    assert not list(path.parent.iterdir())


def test_a_stopped_process_keeps_its_turn_and_is_named(path, ended_by):
    pid = ended_by(signal.SIGSTOP)
    os.utime(path, (0, 0))
    with pytest.raises(StoreError, match=f"Process {pid} has kept `{path}`") as caught:
        turn.taken(path, grace=0).__enter__()
    assert caught.value.hint.endswith(f"`kill -9 {pid}`.")


def test_who_waits_hears_once_for_whom(path, ended_by):
    pid = ended_by(signal.SIGSTOP)

    class Ending(RecordedProgress):
        def step(self, text):
            super().step(text)
            os.kill(pid, signal.SIGKILL)

    progress = Ending()
    with turn.taken(path, progress=progress):
        assert progress.steps == [f"Waiting for process {pid}, which has `{path}`"]


@pytest.mark.parametrize("text", ["7.7.another-machine", ""])
def test_a_turn_of_which_nobody_hears_any_more_passes_on(path, text):
    path.write_text(text)
    os.utime(path, (0, 0))
    with turn.taken(path, grace=0.1):
        assert disk.read(path).decode() == str(Process.current())


def test_what_cannot_be_written_is_not_left_as_a_turn(path, monkeypatch):
    def fails(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(disk, "write_all", fails)
        with pytest.raises(OSError, match="No space"):
            turn.taken(path).__enter__()
    assert not path.exists()
