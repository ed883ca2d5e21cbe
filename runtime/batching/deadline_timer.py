"""DeadlineTimer: one timer of the event loop for the deadlines of many requests."""

import asyncio
from collections.abc import Callable
from math import inf

PAUSE = 0.01  # seconds at least between two calls


class DeadlineTimer:
    """Calls `expire(now)` at the earliest deadline.

    A timer for each request would be a good part of the cost of a request, and nearly all of them
    would be canceled. `expire` handles all deadlines that have passed, and returns the next one, or
    infinity, so that no timer runs while nothing waits.
    """

    __slots__ = ("_clock", "_expire", "_handle", "at")

    def __init__(self, clock: Callable[[], float], expire: Callable[[float], float]) -> None:
        self._clock = clock
        self._expire = expire
        self._handle: asyncio.TimerHandle | None = None
        self.at = inf  # of the next call, in seconds on `clock`

    def set(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        """Call `expire` at `deadline` instead of at `at`."""
        self.cancel()
        self.at = deadline
        self._handle = loop.call_later(max(0.0, deadline - self._clock()), self._due, loop)

    def cancel(self) -> None:
        """Forget the deadline."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle, self.at = None, inf

    def _due(self, loop: asyncio.AbstractEventLoop) -> None:
        self._handle, self.at = None, inf
        now = self._clock()
        following = self._expire(now)
        if following < inf:
            self.set(loop, max(following, now + PAUSE))
