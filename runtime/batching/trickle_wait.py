"""TrickleWait: waits for calls that a library hands over one by one."""

import asyncio
from collections.abc import Callable

from .arrival_wait import ArrivalWait
from .trial import RARELY, Trial

QUIET = 40  # turns of the loop, about 0.1 ms: the next call needs fewer, from thread to thread
LONGEST = 0.002  # seconds


class TrickleWait:
    """Calls `end` when many turns of the loop have brought no more rows, or after a time limit.

    So many callers need far fewer batches. A lone one would lose those turns with each call: as
    long as they bring no rows they are rarely tried, and an `ArrivalWait` calls `end`.
    """

    __slots__ = ("_arrivals", "_clock", "_end", "_first", "_loop", "_rows", "_trial", "_until")

    def __init__(
        self, clock: Callable[[], float], rows: Callable[[], int], end: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._rows = rows
        self._end = end
        self._arrivals = ArrivalWait(clock, rows, end)
        self._trial = Trial(RARELY)
        self._until = 0.0  # seconds on the clock
        self._first = 0  # rows when the wait began

    def wait(self, loop: asyncio.AbstractEventLoop, alpha: float) -> None:
        """Call `end`; `alpha` is the fixed cost of a batch in seconds."""
        now = self._clock()
        if not self._trial.is_due():
            self._arrivals.wait(loop, now + alpha)
            return
        self._loop = loop
        self._until = now + LONGEST
        self._first = rows = self._rows()
        loop.call_soon(self._look, rows, QUIET)

    def _look(self, seen: int, turns: int) -> None:
        """Look for more rows, until so many more turns have brought none or others take them."""
        rows = self._rows()
        if rows > seen:
            turns = QUIET
        if turns and rows >= seen and self._clock() < self._until:
            self._loop.call_soon(self._look, rows, turns - 1)
        else:
            self._trial.ended(has_paid=rows > self._first)
            self._end()
