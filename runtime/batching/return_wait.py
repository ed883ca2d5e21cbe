"""ReturnWait: delays a batch for clients that are about to send their next request."""

import asyncio
from collections.abc import Callable

from .lanes.lane import Lane
from .policy.window import TICK


class ReturnWait:
    """The timer of a delayed batch, which is released when it rings.

    A wait shorter than the resolution of timers keeps the loop turning instead.
    """

    __slots__ = ("_clock", "_end", "_handle", "_until")

    def __init__(self, clock: Callable[[], float], end: Callable[[], None]) -> None:
        self._clock = clock
        self._end = end
        self._handle: asyncio.Handle | None = None
        self._until = 0.0  # seconds on the clock

    def __bool__(self) -> bool:
        """Whether a batch is held back."""
        return self._handle is not None

    def holds(self, loop: asyncio.AbstractEventLoop, lane: Lane, now: float) -> bool:
        """Whether the next batch of `lane` waits; `Window.hold` decides for how long."""
        head = lane.head
        if head is None:
            return False
        wait = lane.window.hold(now, lane.rows, now - head.arrived, head.deadline - now)
        if wait > 0.0 and self._handle is None:
            self._until = now + wait
            self._wait(loop, now)
        return wait > 0.0

    def _wait(self, loop: asyncio.AbstractEventLoop, now: float) -> None:
        left = self._until - now
        if left >= TICK:
            self._handle = loop.call_later(left, self._ring)
        else:
            self._handle = loop.call_soon(self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = self._clock()
        if now < self._until:
            self._wait(loop, now)
        else:
            self._ring()

    def cancel(self) -> None:
        """Stop the timer: the batch is released, or empty."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _ring(self) -> None:
        self._handle = None
        self._end()
