"""Lull: waits until the event loop has read all requests that have arrived."""

import asyncio
from collections.abc import Callable

TURNS = 2  # of the loop: in one sockets are read, in the next their rows are queued


class Lull:
    """Calls `end` when a few turns of the loop have brought no more rows, or after a time limit.

    No timer is that fine. While rows are coming the loop has work to do, so nothing is lost by it
    where the loop and the model have one core between them.
    """

    __slots__ = ("_clock", "_end", "_loop", "_rows", "_until")

    def __init__(
        self, clock: Callable[[], float], rows: Callable[[], int], end: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._rows = rows
        self._end = end
        self._until = 0.0  # seconds on the clock

    def wait(self, loop: asyncio.AbstractEventLoop, until: float) -> None:
        """Call `end`, at the latest in the turn that finds `until` past."""
        self._loop = loop
        self._until = until
        self._look(-1, TURNS)

    def _look(self, seen: int, turns: int) -> None:
        if turns:
            self._loop.call_soon(self._look, seen, turns - 1)
            return
        rows = self._rows()
        if rows > max(seen, 0) and self._clock() < self._until:
            self._loop.call_soon(self._look, rows, 0)
        else:
            self._end()
