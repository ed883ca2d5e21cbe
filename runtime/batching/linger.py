"""Linger: keeps the event loop turning for a moment if the next request is due at once."""

import asyncio
from collections.abc import Callable

MOST = 0.0001  # seconds: about what a client on the same machine takes to send its next request
RARELY = 64  # lulls of which one is tried while it does not pay


class Linger:
    """Polls for a moment instead of sleeping, where that was worth it more often than not.

    A process that sleeps is woken within tens of microseconds, in a virtual machine even later.
    A single client in a closed loop pays that with each request. A trial that brings a request
    halves the number of lulls until the next one, and any other doubles it, so that independent
    clients cost next to nothing. Where several clients were answered together it would part them:
    the first to come back would be served alone.

    clock     seconds, monotonic
    is_busy   whether there is a request
    """

    __slots__ = ("_clock", "_is_busy", "_loop", "_skipped", "_until", "pause")

    def __init__(self, clock: Callable[[], float], is_busy: Callable[[], bool]) -> None:
        self._clock = clock
        self._is_busy = is_busy
        self._until = 0.0  # seconds on the clock
        self._skipped = 0  # lulls since the last trial
        self.pause = 0  # lulls between two trials

    def begin(self, loop: asyncio.AbstractEventLoop, answered: int) -> None:
        """The loop has nothing to do, `answered` requests after the last batch: keep it turning."""
        if answered > 1:
            self.pause = RARELY
            return
        self._skipped += 1
        if self._skipped > self.pause and not self._is_busy():
            self._skipped = 0
            self._loop = loop
            self._until = self._clock() + MOST
            loop.call_soon(self._look)

    def _look(self) -> None:
        if self._is_busy():
            self.pause //= 2
        elif self._clock() < self._until:
            self._loop.call_soon(self._look)
        else:
            self.pause = min(2 * self.pause + 1, RARELY)
