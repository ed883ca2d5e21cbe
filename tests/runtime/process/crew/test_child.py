"""A forked process ends where its work ends, whatever that has done to the interpreter."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from modelbundle.runtime.errors import BundleError
from modelbundle.runtime.process.crew.child import Child
from modelbundle.runtime.process.crew.event_loop import EventLoop

from .few_descriptors import few_descriptors


class NoStream:
    """What a model may put in the place of a stream."""

    def write(self, text):
        raise RuntimeError(text)

    flush = write


def without_streams():
    sys.stdout = sys.stderr = None


def with_other_streams():
    sys.stdout = sys.stderr = NoStream()


def without_exit():
    os._exit = None


def fork(harm, marks):
    """As a supervisor: fork a child that fails after it did harm, and mark each way out of here."""
    supervisor = os.fork()
    if supervisor:
        return supervisor

    def work(on_ready):
        harm()
        raise OSError("the model closed its own descriptors")

    exit_ = os._exit
    try:
        child = Child(time.monotonic())
        child.start(work, lambda: None)
        _, status = os.waitpid(child.pid, 0)
        os.write(marks, f"{os.waitstatus_to_exitcode(status)}.".encode())
    except BaseException as error:  # noqa: BLE001 - nothing may come back to pytest
        os.write(marks, f"{error!r}.".encode())
    finally:
        exit_(0)


@pytest.mark.parametrize("harm", [without_streams, with_other_streams, without_exit])
def test_a_failing_child_never_goes_on_as_its_supervisor(harm):
    """It would kill all other processes of the server, as the supervisor does at its end."""
    reader, marks = os.pipe()
    supervisor = fork(harm, marks)
    os.close(marks)
    try:
        with os.fdopen(reader, "rb") as told:
            assert told.read() == b"1."
    finally:
        os.kill(supervisor, signal.SIGKILL)
        os.waitpid(supervisor, 0)


def run(work):
    """The exit code of a child that does this, and the child."""
    child = Child(time.monotonic())
    child.start(work, lambda: None)
    _, status = os.waitpid(child.pid, 0)
    child.is_reaped = True
    child.stderr_tail()
    return os.waitstatus_to_exitcode(status), child


class Refused(BundleError):
    exit_code = 5


def raise_(error):
    raise error


@pytest.mark.parametrize(
    ("error", "code"), [(Refused("no"), 5), (SystemExit(3), 3), (SystemExit("a word"), 1)]
)
def test_its_exit_code_is_that_of_what_ended_it(error, code):
    assert run(lambda _: raise_(error))[0] == code


def test_it_reports_why_it_cannot_serve():
    _, child = run(lambda _: raise_(Refused("It cannot.", hint="Try again.")))
    assert str(child.failure) == "It cannot."
    assert (child.failure.hint, child.failure.exit_code) == ("Try again.", 5)


def test_its_signals_wake_nobody_else():
    """The descriptor that a supervisor is woken by may be any file of the child's."""
    with EventLoop(()):
        assert run(lambda _: int(signal.set_wakeup_fd(-1) != -1))[0] == 0


def test_no_signal_is_sent_before_it_is_born_nor_after_it_was_reaped():
    """To number 0 would be to the whole process group, and its number may be another's by now."""

    def work(_):
        os.setpgid(0, 0)
        Child(time.monotonic()).send(signal.SIGKILL)
        reaped = Child(time.monotonic())
        reaped.pid, reaped.is_reaped = os.getpid(), True
        reaped.send(signal.SIGKILL)
        return 0

    assert run(work)[0] == 0


def test_it_has_served_since_it_first_said_so():
    child = Child(time.monotonic())
    assert child.served == 0.0
    os.write(child.writers[0], b"ready\n")
    child.pipes[0].read()
    while child.served < 0.01:
        time.sleep(0.001)
    os.write(child.writers[0], b"a word of the model's")
    child.pipes[0].read()
    assert child.served >= 0.01
    for pipe in child.pipes:
        pipe.abandon()


@pytest.mark.parametrize("free", [1, 2, 3])
def test_without_descriptors_for_its_pipes_none_is_left_open(free):
    with few_descriptors(free) as is_unchanged:
        with pytest.raises(OSError, match="Too many open files"):
            Child(time.monotonic())
        assert is_unchanged()


def test_without_room_for_another_process_no_descriptor_is_left_open(monkeypatch):
    monkeypatch.setattr(os, "fork", lambda: raise_(BlockingIOError("no more processes")))
    before = len(list(Path("/dev/fd").iterdir()))
    with pytest.raises(BlockingIOError):
        Child(time.monotonic()).start(lambda _: 0, lambda: None)
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_what_a_terminal_sends_to_all_of_them_is_left_to_the_supervisor():
    """A Ctrl-C ends no request that is being answered."""
    numbers = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
    heeded = lambda _: sum(signal.getsignal(each) is not signal.SIG_IGN for each in numbers)  # noqa: E731
    assert run(heeded)[0] == 0
