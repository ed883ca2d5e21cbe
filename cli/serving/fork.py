"""Fork: a forked child that behaves like a new process, but keeps our imports.

On one core a second interpreter that imports the same again is a tenth of a server's start.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, NoReturn

from . import process

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


class Fork:
    """The part of the interface of `subprocess.Popen` that a server needs.

    returncode   None as long as it is not known to have ended; negative: the signal it died of
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, if it has ended."""
        return self._wait(os.WNOHANG)

    def wait(self) -> int:
        """The exit code, once it has ended."""
        code = self._wait(0)
        assert code is not None
        return code

    def _wait(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended: its number may be another's then."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self.send_signal(signal.SIGTERM)


def start(
    run: Callable[[], int],
    variables: Mapping[str, str],
    *,
    stdout: IO[str] | None = None,
    inherited: Sequence[int] = (),
) -> Fork:
    """Fork, and be what `run` does there; it ends when we are killed. See `process.start`.

    Raises:
        OSError: when there may be no more processes.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    gc.freeze()  # its collector need not touch, and so copy, what is ours
    parent = os.getpid()
    # Until the child has its own handlers, a signal for it would be ours.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)

    def settle() -> None:
        _settle(parent, variables, stdout, inherited)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        pid = os.fork()
        if pid == 0:
            _be(settle, run)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return Fork(pid)


def _be(settle: Callable[[], None], run: Callable[[], int]) -> NoReturn:
    """The whole life of the child; it never returns into our stack."""
    code = 1
    try:
        settle()
        code = run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except BaseException:  # noqa: BLE001 - a fork must not unwind into its parent's frames
        sys.excepthook(*sys.exc_info())
    finally:
        try:
            _flush()
        finally:  # with threads, a model may have put anything in the place of the streams
            os._exit(code)


def _flush() -> None:
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()


def _settle(
    parent: int, variables: Mapping[str, str], stdout: IO[str] | None, inherited: Sequence[int]
) -> None:
    """Be like a process that was started anew: signals, descriptors, environment, path."""
    process.end_with(parent)
    os.setpgid(0, 0)  # a Ctrl-C reaches it through us, once
    signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, _STDIN)
    if stdout is not None:
        os.dup2(stdout.fileno(), _STDOUT)
    _close_all_but(inherited)
    os.environ.clear()
    os.environ.update(variables)
    if not sys.flags.safe_path:
        del sys.path[0]  # where our script lies


def _close_all_but(kept: Sequence[int]) -> None:
    """Beside the standard streams."""
    first = _STDERR + 1
    for descriptor in sorted(kept):
        os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, max(first, os.sysconf("SC_OPEN_MAX")))
