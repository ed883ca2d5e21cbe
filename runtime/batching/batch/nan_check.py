"""NanCheck: detects batches in which one row has made all answers NaN."""

from typing import Any

from ..execution.executor import RowOps
from .batch import Batch

MOST_RETRIES = 8  # consecutive batches that were retried without success
RETRY_EVERY = 64  # of so many more batches, one is tried again


class NoFiniteAnswer(Exception):
    """The output of a batch has no finite number."""


class NanCheck:
    """Finds batches whose outputs have no finite number at all.

    In a model that uses the mean or the maximum of a batch, one row of NaN makes all answers NaN.
    When the batch is run again in parts, the other requests get their answers. After
    `MOST_RETRIES` retries in a row without success, the requests have NaN of their own, and only
    one batch in `RETRY_EVERY` is run again.
    """

    __slots__ = ("_fruitless", "_ops")

    def __init__(self, ops: RowOps) -> None:
        self._ops = ops
        self._fruitless = 0  # batches without a finite answer, since a retry in parts last helped

    def check(self, batch: Batch, output: Any) -> None:
        """Whether the answers to `batch` may be handed over.

        Raises:
            NoFiniteAnswer: they are to be tried apart.
        """
        if len(batch.requests) == 1 and not self._fruitless:
            return
        is_retried = batch.reason == "retry"
        if self._ops.is_finite(output):
            if is_retried:
                self._fruitless = 0
            return
        if len(batch.requests) > 1 and not self._has_finite(batch, output):
            if not is_retried:
                self._fruitless += 1
            if self._fruitless <= MOST_RETRIES or not self._fruitless % RETRY_EVERY:
                raise NoFiniteAnswer(f"None of {batch.rows} rows has a finite answer.")

    def _has_finite(self, batch: Batch, output: Any) -> bool:
        return any(map(self._ops.is_finite, batch.outputs(output, self._ops)))
