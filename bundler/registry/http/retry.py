"""Retry: how often a request is retried, and how long to wait before."""

import random
import threading
import time
from dataclasses import dataclass, field

from . import remedy
from .limits import Limits
from .transient_error import TransientError


@dataclass(slots=True)
class Retry:
    """The attempts of one request or one file; `stop` ends the pauses."""

    limits: Limits
    stop: threading.Event
    attempts: int = 1
    since: float = field(default_factory=time.monotonic)
    moved: int = 0  # bytes in this row of attempts

    def advanced(self, amount: int) -> None:
        """Note progress; enough of it resets the number of attempts."""
        self.moved += amount
        if self.moved >= self.limits.progress:
            self.attempts, self.moved, self.since = 1, 0, time.monotonic()

    def wait(self, failure: TransientError) -> None:
        """Wait before the next attempt.

        Raises:
            TransientError: `failure` itself, after too many attempts or too much time.
        """
        late = time.monotonic() - self.since > 2 * self.limits.answer
        failure.hint = failure.hint or remedy.AGAIN
        if self.attempts >= self.limits.attempts or late or self.stop.is_set():
            raise failure
        if failure.retry_after > self.limits.longest:
            raise TransientError(
                f"{failure} It asks to be left alone for {failure.retry_after:.0f} s.",
                hint="Try again later: what has arrived is kept.",
            ) from failure
        if self.stop.wait(max(failure.retry_after, self._pause())):
            raise failure
        self.attempts += 1

    def _pause(self) -> float:
        doubled: float = self.limits.pause * 2 ** (self.attempts - 1)
        longest = min(self.limits.longest, doubled)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - so that clients do not march in step
