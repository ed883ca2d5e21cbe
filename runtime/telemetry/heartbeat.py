"""Heartbeat: measures how late an event loop is, with a timer."""

import asyncio
import time
from collections.abc import Callable

PERIOD = 0.1  # seconds; ten wake-ups a second cost a core less than 0.1 percent
BEATS = 10  # between two of the rarer things


class Heartbeat:
    """Calls `late` ten times a second with the seconds that this was too late, `rarely` once."""

    def __init__(self, late: Callable[[float], None], rarely: Callable[[], None]) -> None:
        self._late = late
        self._rarely = rarely
        self._beats = 0
        self._due = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Beat on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._wait(time.monotonic())

    def stop(self) -> None:
        """No more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, now: float) -> None:
        assert self._loop is not None
        self._due = now + PERIOD
        self._timer = self._loop.call_later(PERIOD, self._beat)

    def _beat(self) -> None:
        now = time.monotonic()
        self._late(max(0.0, now - self._due))
        self._beats += 1
        if self._beats % BEATS == 0:
            self._rarely()
        self._wait(now)
