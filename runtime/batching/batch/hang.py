"""HangWatch: ends batches that hang."""

import asyncio
import logging
from collections.abc import Callable
from math import inf

from ..deadline_timer import DeadlineTimer
from ..policy.window import Limits
from .batch import Batch
from .slots import ExecutorSlot, Slots

log = logging.getLogger(__name__)

OVERDUE_FACTOR = 20.0  # a batch is overdue after this many times its predicted time
ABANDONED_GRACE = 1.0  # further seconds for an overdue batch that no client waits for
HANG_SHARE = 1 / 6  # of `Limits.hang`: an overdue batch is ended if others wait for so long
CHECK_INTERVAL = 0.1  # seconds between two checks of an overdue batch


class HangWatch:
    """Checks a batch once it is late; while batches end in time, no timer runs.

    A batch is ended
    - after `Limits.hang`, in any case;
    - when it is overdue and all of its requests are cancelled;
    - when it is overdue, a sixth of `Limits.hang` has passed, and it has more than one request or
      others wait: only one of them may have caused it.

    Before any batch was measured, only the first rule applies.
    """

    __slots__ = ("_is_needed", "_limits", "_slots", "_timer")

    def __init__(
        self,
        limits: Limits,
        slots: Slots,
        is_needed: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._limits = limits
        self._slots = slots
        self._is_needed = is_needed  # whether others wait for an executor
        self._timer = DeadlineTimer(clock, self._look)

    def begin(self, loop: asyncio.AbstractEventLoop, slot: ExecutorSlot, batch: Batch) -> None:
        """`slot` has begun with `batch`."""
        cost = batch.window.cost
        overdue = OVERDUE_FACTOR * (slot.predicted + cost.tail) if cost.count else inf
        # Sooner would be a timer for every few batches of a fast model.
        at = slot.started + min(self._limits.hang, max(overdue, CHECK_INTERVAL))
        if at < self._timer.at:
            self._timer.set(loop, at)

    def cancel(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _look(self, now: float) -> float:
        return min((self._judge(slot, now) for slot in self._slots), default=inf)

    def _judge(self, slot: ExecutorSlot, now: float) -> float:
        """End the batch of `slot` if it has hung; when to look again."""
        batch = slot.batch
        if batch is None:
            return inf
        elapsed = now - slot.started
        least = min(self._limits.hang, self._overdue(batch))
        if elapsed < least:
            return slot.started + least
        why = self._why(batch, elapsed)
        if why:
            if not slot.is_cut:
                log.error("%s.", why)
            slot.is_cut = True
            slot.executor.kill(why)
        return now + CHECK_INTERVAL

    def _why(self, batch: Batch, elapsed: float) -> str:
        rows = f"A batch of {batch.rows} rows has run for {elapsed:.1f} s"
        if elapsed >= self._limits.hang:
            return f"{rows}, more than the time that any request has"
        overdue = self._overdue(batch)
        is_abandoned = all(request.is_over for request in batch.requests)
        if elapsed >= overdue + ABANDONED_GRACE and is_abandoned:
            return f"{rows}, and nobody waits for its answers any more"
        if elapsed < max(HANG_SHARE * self._limits.hang, overdue):
            return ""
        if len(batch.requests) > 1 or batch.is_suspect or self._is_needed():
            return f"{rows}, more than {OVERDUE_FACTOR:.0f} times what such a batch takes"
        return ""

    @staticmethod
    def _overdue(batch: Batch | None) -> float:
        """Seconds after which `batch` counts as overdue; infinite before any was measured."""
        if batch is None or not batch.window.cost.count:
            return inf
        return OVERDUE_FACTOR * batch.window.cost.upper(batch.rows)
