"""Own process: loads a model in a fork, and reports it when that crashes.

A pickle may end its process as only C can, and the system does when memory is short. So a fork
loads it, and we are there to tell; and to end it, where a library that calculates hears no signal.
"""

import os
import signal
import sys
from contextlib import suppress
from time import monotonic

from click.exceptions import Exit

from ..runtime.errors import BundleError
from .serving import process

_ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_BY_KERNEL = 0x80  # si_code of what a terminal sends, to the fork as well; sigaction(2)
_UNWINDING = 0.3  # seconds for a fork that got the signal with us
_STUCK = 10.0  # seconds for a fork that does not return from C, where Python sees no signals
_MEMORY = "The system does that where memory runs out; give it more, or load a smaller model."
_CODE = "It is damaged, or the code that it asks for is; open it in Python by itself to see where."
_LEFT = "What it was writing is removed by `bundle gc`."


class OwnProcess:
    """The process in which a command goes on."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._told = -1

    def enter(self) -> None:
        """Go on in a fork; who called it waits, and leaves as the fork does.

        Raises:
            Exit: in the caller's process, with the fork's exit code.
            BundleError: there, too, when the fork died of a signal, or did not heed one.
        """
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        parent, (heard, done_pipe) = os.getpid(), os.pipe()
        os.set_blocking(heard, False)  # what the fork has forked may live on
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {*_ENDING, signal.SIGCHLD})
        try:
            pid = os.fork()
        except OSError:  # no more processes for us: then here
            pid = 0
        else:
            if pid == 0:
                process.end_with(parent)
        if pid:
            os.close(done_pipe)
            code, received = _waited(pid)
            self._leave(code, received, is_done=_has_told(heard))
        self._told = done_pipe
        os.close(heard)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def done(self) -> None:
        """The work is done: whatever ends the process now, it stays."""
        with suppress(OSError):
            os.write(self._told, b"1")

    def _leave(self, code: int, received: int, *, is_done: bool) -> None:
        if code >= 0:
            raise Exit(code)
        name = signal.Signals(-code).name if -code in set(signal.Signals) else "a signal"
        end = "It was saved before." if is_done else "Nothing was saved."
        if received:
            verb = "Interrupted" if received == signal.SIGINT else "Terminated"
            failure = BundleError(
                f"{verb}: the process that loaded `{self._source}` did not end, and was killed. "
                f"{end}",
                hint=_LEFT,
            )
            failure.exit_code = 128 + received
            raise failure
        raise BundleError(
            f"The process that loaded `{self._source}` died of {name} (signal {-code}). {end}",
            hint=_MEMORY if -code == signal.SIGKILL else _CODE,
        )


def _has_told(heard: int) -> bool:
    try:
        return bool(os.read(heard, 1))
    except BlockingIOError:
        return False


def _waited(pid: int) -> tuple[int, int]:
    """The exit code of the fork, and the signal after which it had to be killed (0: it had not).

    Signals for us are passed on, unless it has got them, too.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    received, until = 0, 0.0
    while True:
        found = _next_signal(until - monotonic() if received else None)
        if found is None:
            os.kill(pid, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), received
        if found.si_signo in _ENDING and not received:
            received, until = found.si_signo, monotonic() + _STUCK
        if found.si_signo in _ENDING and found.si_code != _BY_KERNEL:
            signal.sigtimedwait({signal.SIGCHLD}, _UNWINDING)
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), 0
        if found.si_signo in _ENDING and found.si_code != _BY_KERNEL:
            os.kill(pid, found.si_signo)


def _next_signal(seconds: float | None) -> signal.struct_siginfo | None:
    """The next one for us; None when so many seconds have gone."""
    numbers = {*_ENDING, signal.SIGCHLD}
    if seconds is None:
        return signal.sigwaitinfo(numbers)
    return signal.sigtimedwait(numbers, max(0.0, seconds))
