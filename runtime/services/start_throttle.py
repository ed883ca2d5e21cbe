"""StartThrottle: starts async calls a few at a time, so that they do not block the event loop."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

SHARE = 0.002  # seconds of one turn of the loop in which calls may begin
MOST = 1024  # calls that begin in one turn


class StartThrottle:
    """A FIFO queue of async calls.

    A method that computes before its first `await` keeps the loop from everything else. Where a
    hundred of them came together they would begin in one turn, and whatever the first had to say
    would be sent after the last.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._began = 0.0  # seconds, when the first call of this turn did; 0 = none has
        self._at_once = 1  # that may begin in a turn while others wait

    async def enter(self) -> None:
        """Wait for one's turn."""
        loop = asyncio.get_running_loop()
        if self._waiting or (self._began and self._clock() - self._began > SHARE):
            waiter = loop.create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            finally:  # a cancelled call lets the next one start
                self._begin(loop)
        else:
            self._begin(loop)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._began:
            self._began = self._clock()
            loop.call_soon(self._turn)

    def _turn(self) -> None:
        """The turn after one in which calls began."""
        is_long = self._clock() - self._began > SHARE
        self._at_once = max(1, self._at_once // 2) if is_long else min(MOST, 2 * self._at_once)
        self._began = 0.0
        admitted = 0
        while self._waiting and admitted < self._at_once:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                admitted += 1
