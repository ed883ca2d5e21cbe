"""Spread: detects batches in which one row has made all answers NaN."""

from typing import Any

from ..execution.executor import RowOps
from .batch import Batch

PATIENCE = 8  # batches in a row that were tried again for nothing
SELDOM = 64  # of so many more batches, one is tried again


class Spoiled(Exception):
    """Nothing that the model answered to a batch is a finite number."""


class Spread:
    """Finds batches in which no request has an answer that is finite.

    A model that looks at the mean of a batch, or at its maximum, answers NaN to all of it where one
    row has none. Tried apart, the others get what they would have got without that row. Rows of
    which each is to blame itself say so: then it is not worth the calls, and only tried now and
    then.
    """

    __slots__ = ("_barren", "_ops")

    def __init__(self, ops: RowOps) -> None:
        self._ops = ops
        self._barren = 0  # batches that were spoiled, since one was better for being tried apart

    def check(self, batch: Batch, output: Any) -> None:
        """Whether the answers to `batch` may be handed over.

        Raises:
            Spoiled: they are to be tried apart.
        """
        if len(batch.requests) == 1 and not self._barren:
            return
        is_retried = batch.reason == "retry"
        if self._ops.is_finite(output):
            if is_retried:
                self._barren = 0
            return
        if len(batch.requests) > 1 and not self._has_finite(batch, output):
            if not is_retried:
                self._barren += 1
            if self._barren <= PATIENCE or not self._barren % SELDOM:
                raise Spoiled(f"None of {batch.rows} rows has a finite answer.")

    def _has_finite(self, batch: Batch, output: Any) -> bool:
        return any(map(self._ops.is_finite, batch.outputs(output, self._ops)))
