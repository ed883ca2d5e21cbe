"""QueueMetrics: the metrics of one batcher."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from ..batching.observer import Death, Refusal, Release
from .counters import Counters, Family
from .families import ACCURACY, ROWS, WAITS


@dataclass(frozen=True, slots=True)
class QueueTotals:
    """The totals of a batcher since the server started, in all processes.

    batches   that succeeded, which took `seconds` together
    released  batches that were begun, whose oldest requests waited for `waited` seconds together
    requests  that batches were made of
    rows      in these batches, `sizes` of them by the largest that is counted alike
    refused   requests that the model did not answer
    last      when the last batch came back, in seconds since 1970, or 0
    """

    batches: int
    seconds: float
    released: int
    waited: float
    requests: int
    rows: int
    sizes: Mapping[float, int]
    refused: int
    last: float


class QueueMetrics:
    """A BatchObserver that counts for the batcher called `queue`.

    is_counting   false while a model is warmed up: its batches are no client's
    """

    def __init__(self, families: Mapping[str, Family], counters: Counters, queue: str) -> None:
        def slot(name: str, *labels: str) -> int:
            return counters.slot(families[name], queue, *labels)

        self.is_counting = True
        self._counters = counters
        self._pending = slot("bundle_pending_rows")
        self._queued = slot("bundle_queue_rows")
        self._rows = slot("bundle_batch_rows")
        self._requests = slot("bundle_batch_requests_total")
        self._wait = slot("bundle_queue_wait_seconds")
        self._seconds = slot("bundle_batch_seconds")
        self._accuracy = slot("bundle_batch_prediction_ratio")
        self._alpha = slot("bundle_batch_alpha_seconds")
        self._beta = slot("bundle_batch_beta_seconds")
        self._predicted = slot("bundle_predicted_wait_seconds")
        busy = families["bundle_replica_busy_seconds_total"].series
        self._busy = [slot("bundle_replica_busy_seconds_total", i) for q, i in busy if q == queue]
        self._last = slot("bundle_batch_last_timestamp_seconds")
        self._deaths = {c: slot("bundle_batch_deaths_total", c) for c in get_args(Death)}
        self._released = {r: slot("bundle_batches_total", r) for r in get_args(Release)}
        self._refused = {r: slot("bundle_queue_refused_total", r) for r in get_args(Refusal)}

    @property
    def activity(self) -> tuple[float, float]:
        """Requests that all processes have had run, and rows that wait in any of them."""
        counters = self._counters
        return counters.total(self._requests), counters.total(self._pending)

    def pending(self, rows: int) -> None:
        """`rows` more (or, if negative, fewer) wait for an answer."""
        self._counters.add(self._pending, rows)

    def queued(self, rows: int) -> None:
        """So many rows wait for a batch now."""
        self._counters.set(self._queued, rows)

    def released(self, rows: int, requests: int, waited: float, reason: Release) -> None:
        """A batch went to the executor."""
        if not self.is_counting:
            return
        self._counters.observe(self._rows, ROWS, rows)
        self._counters.observe(self._wait, WAITS, waited)
        self._counters.add(self._released[reason])
        self._counters.add(self._requests, requests)

    def finished(self, rows: int, seconds: float, predicted: float, executor: int) -> None:  # noqa: ARG002
        """A batch succeeded."""
        if not self.is_counting:
            return
        self._counters.observe(self._seconds, WAITS, seconds)
        self._counters.set(self._last, time.time())
        if executor < len(self._busy):
            self._counters.add(self._busy[executor], seconds)
        if predicted > 0.0:
            self._counters.observe(self._accuracy, ACCURACY, seconds / predicted)

    def died(self, cause: Death, executor: int) -> None:  # noqa: ARG002
        """A batch was lost together with what ran it."""
        self._counters.add(self._deaths[cause])

    def refused(self, reason: Refusal) -> None:
        """A request will not be answered by the model."""
        self._counters.add(self._refused[reason])

    def costs(self, alpha: float, beta: float, wait: float) -> None:
        """Seconds a batch and a row as they are fitted now, and until all will be answered."""
        self._counters.set(self._alpha, alpha)
        self._counters.set(self._beta, beta)
        self._counters.set(self._predicted, wait)

    def totals(self) -> QueueTotals:
        """The totals so far, for dialects that report them."""
        batches, seconds = self._sum(self._seconds, WAITS)
        released, waited = self._sum(self._wait, WAITS)
        sizes = self._counters.totals(self._rows, len(ROWS) + 1)
        return QueueTotals(
            batches=batches,
            seconds=seconds,
            released=released,
            waited=waited,
            requests=int(self._counters.total(self._requests)),
            rows=int(self._sum(self._rows, ROWS)[1]),
            sizes={
                size: int(count)
                for size, count in zip((*ROWS, 2 * ROWS[-1]), sizes, strict=True)
                if count
            },
            refused=sum(int(self._counters.total(slot)) for slot in self._refused.values()),
            last=self._counters.largest(self._last),
        )

    def _sum(self, slot: int, bounds: tuple[float, ...]) -> tuple[int, float]:
        """The count and the sum of a histogram."""
        *buckets, total = self._counters.totals(slot, len(bounds) + 2)
        return int(sum(buckets)), total
