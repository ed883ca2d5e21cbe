"""CanaryExecutor: runs a model in a thread, and reports when the model is broken."""

import copy
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from ..batching.execution.executor import ThreadExecutor
from ..batching.execution.worker import Done, Worker
from ..data.rows import table
from .canary import MOST_BYTES, BrokenModel, Canary

log = logging.getLogger(__name__)


class CanaryExecutor(ThreadExecutor):
    """A ThreadExecutor of one method of a model; `canary` belongs to all its methods.

    on_broken   called on the loop with the reason, when the model fails on what it has answered
    """

    def __init__(
        self,
        method: str,
        call: Callable[[str, Any], Any],
        worker: Worker,
        canary: Canary,
        on_broken: Callable[[str], None],
    ) -> None:
        super().__init__(partial(call, method), table, worker, on_broken)
        self._method = method
        self._canary = canary
        self._on_broken = on_broken

    def submit(self, inputs: list[Any], rows: int, done: Done) -> None:
        """Hand the batch to the thread; after a failure, its check follows."""
        super().submit(inputs, rows, partial(self._done, done))

    def _run(self, inputs: list[Any], rows: int) -> Any:
        try:
            if self._canary.begin(self._method, sum(map(table.rows, inputs))):
                self._keep(inputs)
            output = super()._run(inputs, rows)
        except BaseException as error:
            self._canary.failed(error)
            raise
        self._canary.answered()
        return output

    def _keep(self, inputs: list[Any]) -> None:
        if sum(map(table.nbytes, inputs)) > MOST_BYTES:
            return
        with suppress(Exception):  # a batch that cannot be copied cannot be tried again
            kept = copy.deepcopy(inputs)
            self._canary.keep(lambda: table.concat(copy.deepcopy(kept)))

    def _done(self, done: Done, output: Any, error: BaseException | None) -> None:
        """On the loop: answer the requests before the model is tried."""
        done(output, error)
        if error is not None:
            with suppress(RuntimeError):  # it has been stopped meanwhile
                self._worker.submit(self._canary.check, self._checked)

    def _checked(self, _: Any, error: BaseException | None) -> None:
        if isinstance(error, BrokenModel):
            log.error("%s", error, exc_info=error.__cause__)
            self._on_broken("fails on rows that it has answered before")
