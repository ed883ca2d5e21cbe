"""WorkerProcess: one forked server, as its supervisor sees it."""

import ctypes
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from ..errors import BundleError
from .last_words import STDERR, LastWords
from .voice import Voice

Serve = Callable[[int, Callable[[], None]], int]
"""Serves as the worker of an index, calls its second argument when ready; the exit code."""

_READY = b"ready\n"
_PR_SET_PDEATHSIG = 1


class WorkerProcess:
    """A child that tells through a pipe that it is ready, or why it never will be.

    When the supervisor is gone, however it went, the kernel sends the child SIGTERM.
    """

    def __init__(self, index: int, began: float) -> None:
        self.index = index
        self.began = began  # on the monotonic clock
        self.pid = 0
        self._told = b""
        self._words = LastWords()
        self._status = Voice(self._hear)
        self._stderr = Voice(self._words.hear)

    def start(self, serve: Serve, inherited: tuple[int, ...]) -> None:
        """Fork; the child closes the `inherited` descriptors, which are the supervisor's own."""
        sys.stdout.flush()
        sys.stderr.flush()
        supervisor = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            for descriptor in (*inherited, self._status.reader, self._stderr.reader):
                os.close(descriptor)
            os.dup2(self._stderr.writer, STDERR)
            os.close(self._stderr.writer)
            _end_with(supervisor)
            _be_worker(self.index, serve, self._status.writer)
        for voice in (self._status, self._stderr):
            voice.listen()

    @property
    def voices(self) -> tuple[Voice, ...]:
        """What it can still be heard through."""
        return tuple(voice for voice in (self._status, self._stderr) if not voice.is_closed)

    def _hear(self, data: bytes) -> None:
        self._told += data

    @property
    def is_ready(self) -> bool:
        """Whether it has said so."""
        return self._told.startswith(_READY)

    @property
    def failure(self) -> BundleError | None:
        """What it said that keeps it from serving."""
        try:
            told = json.loads(self._told.removeprefix(_READY))
        except ValueError:  # nothing, or it died in the middle of it
            return None
        failure = BundleError(told["message"], hint=told["hint"])
        failure.exit_code = told["code"]
        return failure

    def last_words(self) -> str:
        """What a dead worker wrote on stderr before it went, as far as that tells why."""
        for voice in self.voices:
            voice.finish()
        return self._words.end()

    def send(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)


def how_it_ended(status: int) -> str:
    """A wait status in words."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def _be_worker(index: int, serve: Serve, told: int) -> NoReturn:
    """The whole life of the child; it never returns into the supervisor's stack."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        # A Ctrl-C goes to the whole group of processes; the supervisor passes on what it means.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        code = serve(index, lambda: _tell(told, _READY))
    except BundleError as error:
        failure = {"message": str(error), "hint": error.hint, "code": error.exit_code}
        _tell(told, json.dumps(failure).encode())
        code = error.exit_code
    except BaseException:  # noqa: BLE001 - a fork must not unwind into its parent's frames
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _end_with(supervisor: int) -> None:
    """Get SIGTERM when the supervisor dies; only Linux can."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != supervisor:
        os._exit(1)


def _tell(descriptor: int, data: bytes) -> None:
    os.write(descriptor, data)
