"""ArrivalWait: waits until the event loop has read all requests that have arrived."""

import asyncio
from collections.abc import Callable

from .busy_poll import BusyPoll

TURNS = 2  # of the loop: in one sockets are read, in the next their rows are queued


class ArrivalWait:
    """Calls `end` when a few turns of the loop have brought no more rows, or after a time limit.

    Timers are too coarse for this. While rows arrive, the loop has work anyway, so nothing is lost
    if the loop and the model share a core. With `is_busy`, the loop keeps polling after the end;
    see `BusyPoll`.
    """

    __slots__ = ("_answered", "_busy_poll", "_clock", "_end", "_loop", "_rows", "_until")

    def __init__(
        self,
        clock: Callable[[], float],
        rows: Callable[[], int],
        end: Callable[[], None],
        is_busy: Callable[[], bool] | None = None,
    ) -> None:
        self._clock = clock
        self._rows = rows
        self._end = end
        self._busy_poll = BusyPoll(clock, is_busy) if is_busy is not None else None
        self._until = 0.0  # seconds on the clock
        self._answered = 0

    def wait(self, loop: asyncio.AbstractEventLoop, until: float, answered: int = 0) -> None:
        """Call `end`, at the latest in the turn that finds `until` past.

        `answered` is the number of requests that were answered just before.
        """
        self._loop = loop
        self._answered = answered
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
            if self._busy_poll is not None:
                self._busy_poll.begin(self._loop, self._answered)
