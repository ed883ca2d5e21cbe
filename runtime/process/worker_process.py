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
        self.status = -1  # file descriptor to read from
        self.is_ready = False
        self.is_closed = False  # `status` is
        self.failure: BundleError | None = None
        self._told = b""

    def start(self, serve: Serve, inherited: tuple[int, ...]) -> None:
        """Fork; the child closes the `inherited` descriptors, which are the supervisor's own."""
        self.status, told = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        supervisor = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            for descriptor in (*inherited, self.status):
                os.close(descriptor)
            _end_with(supervisor)
            _be_worker(self.index, serve, told)
        os.close(told)
        os.set_blocking(self.status, False)

    def read(self) -> bool:
        """Take in what the child tells; False once it has nothing more to say."""
        try:
            data = os.read(self.status, 1 << 16)
        except BlockingIOError:
            return True
        self._told += data
        if self._told.startswith(_READY):
            self.is_ready = True
            self._told = self._told[len(_READY) :]
        if data:
            return True
        if self._told:
            told = json.loads(self._told)
            self.failure = BundleError(told["message"], hint=told["hint"])
            self.failure.exit_code = told["code"]
        os.close(self.status)
        self.is_closed = True
        return False

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
