"""LivenessProbe: detects that the event loop of a service process hangs."""

import asyncio
import time
from collections.abc import Callable
from math import inf
from typing import Protocol

from ..batching.batch.hang import ABANDONED_GRACE, HANG_SHARE, OVERDUE_FACTOR
from ..batching.deadline_timer import DeadlineTimer

PERIOD = 0.25  # seconds between two looks
LATE = 0.25  # seconds that a check may be late; beyond, this process itself was stopped


class Probed(Protocol):
    """The process that is probed."""

    @property
    def is_awaited(self) -> bool:
        """Whether calls are running."""

    @property
    def usual(self) -> float:
        """The usual seconds of a call of the slowest route; 0 while unknown."""

    def ping(self) -> None:
        """Send a ping."""

    def stopped(self, why: str) -> None:
        """Handle a process that hangs."""


class LivenessProbe:
    """Pings the process four times a second while it has calls, and not otherwise.

    An event loop that does not answer counts as hung
    - after the timeout of requests, in any case;
    - after a sixth of it, if that is more than 20 times the usual call plus a second;
    - after 20 times the usual call plus a second, if a call is past its deadline.
    """

    def __init__(
        self, probed: Probed, timeout: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._probed = probed
        self._timeout = timeout
        self._clock = clock
        self._timer = DeadlineTimer(clock, self._look)
        self._asked = 0.0  # when, and not answered since
        self._is_overdue = False
        self._due = 0.0

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start probing, because a call is sent."""
        if self._timer.at == inf:
            self._asked, self._is_overdue = 0.0, False
            self._due = self._clock() + PERIOD
            self._timer.set(loop, self._due)

    def beat(self) -> None:
        """Handle the answer to a ping."""
        self._asked, self._is_overdue = 0.0, False

    def overdue(self) -> None:
        """Note that a call has got no answer by its deadline, not even an error."""
        self._is_overdue = True

    def cancel(self) -> None:
        """Stop probing."""
        self._timer.cancel()

    def _look(self, now: float) -> float:
        if not self._probed.is_awaited and not self._is_overdue:
            return inf
        was_late, self._due = now > self._due + LATE, now + PERIOD
        if not self._asked:
            self._asked = now
            self._probed.ping()
        elif was_late:  # its answer may be unread
            self._asked = now
        elif now - self._asked > self.patience():
            self._probed.stopped(f"its event loop has not turned for {now - self._asked:.1f} s")
            return inf
        return self._due

    def patience(self) -> float:
        """The seconds without an answer after which the process counts as hung."""
        if not self._probed.usual:
            return self._timeout
        overdue = ABANDONED_GRACE + OVERDUE_FACTOR * self._probed.usual
        return min(
            self._timeout, overdue if self._is_overdue else max(overdue, HANG_SHARE * self._timeout)
        )
