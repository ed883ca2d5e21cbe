"""BusyPoll: keeps the event loop turning for a moment if the next request is due at once."""

import asyncio
from collections.abc import Callable

from .trial import RARELY, Trial

MOST = 0.0001  # seconds: about as long as a local client takes to send its next request


class BusyPoll:
    """Polls for a moment instead of sleeping, if that has paid off in most cases.

    Waking a sleeping process takes tens of microseconds, in a virtual machine more, and a single
    client in a closed loop pays that with each request. A poll that finds a request halves the
    number of idle moments without a poll, any other doubles it: independent clients cost almost
    nothing. After an answer to several clients there is no poll, because the first to return would
    be served alone.

    clock     seconds, monotonic
    is_busy   whether there is a request
    """

    __slots__ = ("_clock", "_is_busy", "_loop", "_until", "trial")

    def __init__(self, clock: Callable[[], float], is_busy: Callable[[], bool]) -> None:
        self._clock = clock
        self._is_busy = is_busy
        self._until = 0.0  # seconds on the clock
        self.trial = Trial()

    def begin(self, loop: asyncio.AbstractEventLoop, answered: int) -> None:
        """Start to poll, `answered` requests after the last batch."""
        if answered > 1:
            self.trial.pause = RARELY
            return
        if not self._is_busy() and self.trial.is_due():
            self._loop = loop
            self._until = self._clock() + MOST
            loop.call_soon(self._look)

    def _look(self) -> None:
        if self._is_busy():
            self.trial.ended(has_paid=True)
        elif self._clock() < self._until:
            self._loop.call_soon(self._look)
        else:
            self.trial.ended(has_paid=False)
