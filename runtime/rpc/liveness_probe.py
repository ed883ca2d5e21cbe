"""LivenessProbe: detects that the event loop of a service process hangs."""

import asyncio
import time
from collections.abc import Callable
from math import inf
from typing import Protocol

from ..batching.alarm import Alarm
from ..batching.batch.hang import ABANDONED_GRACE, HANG_SHARE, OVERDUE_FACTOR

PERIOD = 0.25  # seconds between two looks
LATE = 0.25  # seconds after its time that a look may come; else it is ourselves who hung


class Probed(Protocol):
    """The process that is probed."""

    @property
    def is_awaited(self) -> bool:
        """Whether calls are there."""

    @property
    def usual(self) -> float:
        """Seconds that a call takes, of the slowest kind; 0 while nothing is known."""

    def ping(self) -> None:
        """Ask whether it is alive."""

    def stopped(self, why: str) -> None:
        """It has not answered for too long."""


class LivenessProbe:
    """Pings the process four times a second while it has calls, and not otherwise.

    A loop that does not turn has hung
    - after the time that any request has, in any case;
    - after a sixth of it, if that is also 20 times what a call takes, and a second;
    - after 20 times what a call takes, and a second, where a call is past its deadline.
    """

    def __init__(
        self, probed: Probed, timeout: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._probed = probed
        self._timeout = timeout
        self._clock = clock
        self._alarm = Alarm(clock, self._look)
        self._asked = 0.0  # when, and not answered since
        self._is_overdue = False
        self._due = 0.0

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """A call goes there."""
        if self._alarm.at == inf:
            self._asked, self._is_overdue = 0.0, False
            self._due = self._clock() + PERIOD
            self._alarm.set(loop, self._due)

    def beat(self) -> None:
        """It has answered."""
        self._asked, self._is_overdue = 0.0, False

    def overdue(self) -> None:
        """A call was not answered by its deadline, not even with an error."""
        self._is_overdue = True

    def cancel(self) -> None:
        """Ask no more."""
        self._alarm.cancel()

    def _look(self, now: float) -> float:
        if not self._probed.is_awaited and not self._is_overdue:
            return inf
        was_late, self._due = now > self._due + LATE, now + PERIOD
        if not self._asked:
            self._asked = now
            self._probed.ping()
        elif was_late:  # its answer may lie here unread
            self._asked = now
        elif now - self._asked > self.patience():
            self._probed.stopped(f"its event loop has not turned for {now - self._asked:.1f} s")
            return inf
        return self._due

    def patience(self) -> float:
        """Seconds that it has to answer, or any call that keeps others waiting."""
        if not self._probed.usual:
            return self._timeout
        overdue = ABANDONED_GRACE + OVERDUE_FACTOR * self._probed.usual
        return min(
            self._timeout, overdue if self._is_overdue else max(overdue, HANG_SHARE * self._timeout)
        )
