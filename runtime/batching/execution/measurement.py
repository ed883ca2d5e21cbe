"""Measurement: learns the cost of batches before the first request."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from ...errors import BundleError, InvalidInput, RequestError
from ..policy.window import Limits, Window
from .executor import Executor, RowOps
from .out_of_memory import is_out_of_memory
from .worker import settle

log = logging.getLogger(__name__)

STRIDE = 8  # factor to the next batch size, if that is surely within the budget


class Measurement:
    """Calls a model with growing batches, in the executor that will serve it."""

    def __init__(
        self, executor: Executor, ops: RowOps, limits: Limits, clock: Callable[[], float]
    ) -> None:
        self._executor = executor
        self._ops = ops
        self._limits = limits
        self._clock = clock

    async def run(self, sample: Any, window: Window, seconds: float) -> list[tuple[int, float]]:
        """Let `window` learn the cost of 1, 8, 64, ... rows like those of `sample`.

        A few points give the line; the rest is learned in service. If a call of 8 times as many
        rows could take longer than the latency budget, the factor is 2. Ends at the largest batch,
        after about `seconds`, or after a call that takes longer than the budget. The first call,
        in which a library initializes itself, is not counted. Returns the rows and seconds of each
        counted call. Where more rows fail than one, they are too many: no call will get as many.
        Raises what the model raises for one row, and whatever is no fault of the rows.
        """
        measured: list[tuple[int, float]] = []
        began, rows, stride = self._clock(), 1, STRIDE
        rows_of = self._repeated if self._limits.mergeable else _as_it_is
        await self._timed(rows_of(sample, 1), 1)
        while rows <= window.limit:
            try:
                taken = await self._timed(rows_of(sample, rows), rows)
            except Exception as error:
                if rows == 1 or not _is_of_rows(error):
                    raise
                fitted = measured[-1][0]
                self._fewer(window, rows, error)
                if rows <= 2 * fitted:
                    break
                rows, stride = 2 * fitted, 2  # somewhere between
                continue
            window.observe(rows, taken)
            measured.append((rows, taken))
            if self._is_enough(taken, rows, window) or self._clock() - began > seconds:
                break
            if STRIDE * taken > self._limits.latency_budget:
                stride = 2
            rows = min(stride * rows, window.limit)
        return measured

    def _is_enough(self, taken: float, rows: int, window: Window) -> bool:
        return taken > self._limits.latency_budget or rows == window.limit

    @staticmethod
    def _fewer(window: Window, rows: int, error: Exception) -> None:
        if is_out_of_memory(error):
            window.ran_out_of_memory(rows)
            return
        log.warning("No call gets %d rows, for the model fails with so many: %s", rows, error)
        window.take_at_most(rows // 2)

    def _repeated(self, sample: Any, rows: int) -> Any:
        have = self._ops.rows(sample)
        times = -(-rows // have)
        many = sample if times == 1 else self._ops.concat([sample] * times)
        return self._ops.slice(many, 0, rows) if times * have > rows else many

    async def _timed(self, batch: Any, rows: int) -> float:
        """The duration of a call in seconds, as seen from the event loop."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        began = self._clock()
        rows = rows if self._limits.mergeable else 0
        self._executor.submit([batch], rows, partial(settle, future))
        await future
        return self._clock() - began


def _is_of_rows(error: Exception) -> bool:
    """Whether the model itself has failed, which fewer rows may not make it do."""
    is_refusal = isinstance(error, (RequestError, BundleError))  # of its process, or of its answers
    return not is_refusal or isinstance(error, InvalidInput)


def _as_it_is(sample: Any, rows: int) -> Any:  # noqa: ARG001 - one call is one row here
    return sample
