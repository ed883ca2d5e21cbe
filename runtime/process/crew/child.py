"""Child: one forked process, as the supervisor sees it."""

import json
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from ...errors import BundleError
from ...system import log_output
from ...system.prctl import end_with_parent
from .output_pipe import OutputPipe
from .stderr_tail import STDERR, StderrTail

Work = Callable[[Callable[[], None]], int]
"""A process' whole life: calls its argument when it is ready; the exit code."""

_READY = b"ready\n"
_exit = os._exit  # kept, because a model may replace `os._exit`


class Child:
    """A process that reports through a pipe that it is ready, or why it cannot start.

    When the supervisor dies, the kernel sends the child `death_signal`.
    """

    def __init__(self, began: float, death_signal: int = signal.SIGTERM) -> None:
        self.began = began  # on the monotonic clock
        self.pid = 0
        self._ready_since = math.inf
        self.is_reaped = False  # waited for: its number may be another's
        self._death_signal = death_signal
        self._received = b""
        self._tail = StderrTail()
        self._status = OutputPipe(self._receive)
        try:
            self._stderr = OutputPipe(self._tail.feed)
        except OSError:
            self._status.abandon()
            raise

    def start(self, work: Work, close_others: Callable[[], None]) -> None:
        """Fork; the child first closes the descriptors that only its supervisor needs.

        Raises:
            OSError: when the limit of processes is reached.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        supervisor = os.getpid()
        try:
            self.pid = os.fork()
        except OSError:
            for pipe in self.pipes:
                pipe.abandon()
            raise
        if self.pid == 0:
            run_child(lambda: self._prepare(supervisor, close_others), work, self._status.writer)
        self.listen()

    @property
    def writers(self) -> list[int]:
        """The descriptors that a template needs to fork it: its pipe, and its stderr."""
        return [self._status.writer, self._stderr.writer]

    def listen(self) -> None:
        """In the supervisor: close the write ends of the pipes."""
        for pipe in self.pipes:
            pipe.listen()

    def abandon(self) -> None:
        """Close the read ends, of a child that was never forked."""
        for pipe in self.pipes:
            pipe.close()

    def _prepare(self, supervisor: int, close_others: Callable[[], None]) -> None:
        end_with_parent(self._death_signal)
        if sys.platform == "linux" and os.getppid() != supervisor:
            os._exit(1)
        close_others()
        for pipe in self.pipes:
            os.close(pipe.reader)
        os.dup2(self._stderr.writer, STDERR)
        os.close(self._stderr.writer)

    @property
    def pipes(self) -> tuple[OutputPipe, ...]:
        """The pipes that are still open for reading."""
        return tuple(pipe for pipe in (self._status, self._stderr) if not pipe.is_closed)

    def _receive(self, data: bytes) -> None:
        self._received += data
        if self.is_ready:
            self._ready_since = min(self._ready_since, time.monotonic())

    @property
    def served(self) -> float:
        """Seconds since it reported ready; 0 before."""
        return max(0.0, time.monotonic() - self._ready_since)

    @property
    def is_ready(self) -> bool:
        """Whether it has reported ready."""
        return self._received.startswith(_READY)

    @property
    def failure(self) -> BundleError | None:
        """The reason that it reported for not being able to serve, if any."""
        try:
            report = json.loads(self._received.removeprefix(_READY))
            failure = BundleError(str(report["message"]), hint=report["hint"])
            failure.exit_code = int(report["code"])
        except (ValueError, TypeError, KeyError):  # no report, half of one, or output of a model
            return None
        return failure

    def stderr_tail(self) -> str:
        """The last lines that a dead child wrote on stderr, if they may explain its end."""
        for pipe in self.pipes:
            pipe.finish()
        return self._tail.end()

    def send(self, number: int) -> None:
        """Send a signal; does nothing before the pid is known, and after the process was reaped."""
        if self.pid and not self.is_reaped:
            os.kill(self.pid, number)


def run_child(prepare: Callable[[], None], work: Work, status: int) -> NoReturn:
    """Run the child's work until it exits; never returns to the caller."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        # A terminal sends SIGINT, SIGQUIT and SIGHUP to all of its processes; only the supervisor
        # handles them.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        prepare()
        code = work(lambda: _report(status, _READY))
    except BundleError as error:
        failure = {"message": str(error), "hint": error.hint, "code": error.exit_code}
        _report(status, json.dumps(failure).encode())
        code = error.exit_code
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - a fork must not unwind into its parent's frames
        traceback.print_exc()
    finally:
        try:
            _flush()
        finally:  # a model may have put anything in the place of the streams
            _exit(code)


def _flush() -> None:
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
        log_output.STDOUT.end()
        log_output.STDERR.end()


def _report(descriptor: int, data: bytes) -> None:
    with suppress(OSError):  # the supervisor is gone
        os.write(descriptor, data)
