"""Measurement: learns the cost of batches before the first request."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from ..policy.window import Limits, Window
from .executor import Executor, RowOps
from .out_of_memory import is_out_of_memory
from .worker import settle

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
        counted call. Raises what the model raises.
        """
        measured: list[tuple[int, float]] = []
        began, rows, stride = self._clock(), 1, STRIDE
        rows_of = self._repeated if self._limits.mergeable else _as_it_is
        await self._timed(rows_of(sample, 1), 1)
        while rows <= window.limit:
            try:
                taken = await self._timed(rows_of(sample, rows), rows)
            except Exception as error:
                if not is_out_of_memory(error) or rows == 1:
                    raise
                window.ran_out_of_memory(rows)
                fitted = measured[-1][0]
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


def _as_it_is(sample: Any, rows: int) -> Any:  # noqa: ARG001 - one call is one row here
    return sample
