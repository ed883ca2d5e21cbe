"""One timer for the deadlines of many requests."""

import asyncio
from collections.abc import Callable
from math import inf

PAUSE = 0.01  # seconds at least between two rings


class Alarm:
    """Rings at the earliest of the times that it was given.

    A timer for each request would be a good part of what the request costs, and nearly all of
    them would be canceled. `ring(now)` looks at everything that waits and answers with the next
    deadline, or infinity, so that nothing ticks while nothing waits.
    """

    __slots__ = ("_clock", "_handle", "_ring", "at")

    def __init__(self, clock: Callable[[], float], ring: Callable[[float], float]) -> None:
        self._clock = clock
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None
        self.at = inf  # when it rings, in seconds on `clock`

    def set(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        """Ring at `deadline`, and no more at another time."""
        self.cancel()
        self.at = deadline
        self._handle = loop.call_later(max(0.0, deadline - self._clock()), self._due, loop)

    def cancel(self) -> None:
        """Be silent."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle, self.at = None, inf

    def _due(self, loop: asyncio.AbstractEventLoop) -> None:
        self._handle, self.at = None, inf
        now = self._clock()
        following = self._ring(now)
        if following < inf:
            self.set(loop, max(following, now + PAUSE))
