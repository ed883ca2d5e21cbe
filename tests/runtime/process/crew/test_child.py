"""A forked process ends where its work ends, whatever that has done to the interpreter."""

import os
import signal
import sys
import time

import pytest

from modelbundle.runtime.process.crew.child import Child


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
