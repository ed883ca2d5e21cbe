"""Recovery: what becomes of a batch that failed, so that nobody pays for another."""

import logging
from collections import deque
from collections.abc import Callable, Iterator

from ..errors import DeadlineExceeded, ModelDied, PredictionFailed, RequestError
from .batch import Batch, is_out_of_memory
from .request import Request

log = logging.getLogger(__name__)


class Recovery:
    """Runs failed batches again in parts, and fails the requests that are guilty.

    A batch that raised runs again in halves until the guilty request stands alone. After one
    that the model died of, each request is tried alone, one after the other and once: a request
    that kills a model never does so a third time.
    """

    __slots__ = ("_idempotent", "_is_over", "_parts", "_suspects", "_tried")

    def __init__(self, is_over: Callable[[Request], bool], *, idempotent: bool) -> None:
        self._is_over = is_over
        self._idempotent = idempotent
        self._parts: deque[Batch] = deque()
        self._suspects: deque[Batch] = deque()
        self._tried: Batch | None = None  # the suspect that runs: never two at a time

    def __bool__(self) -> bool:
        """Whether something is to be tried again."""
        return bool(self._parts or self._suspects)

    def batches(self) -> Iterator[Batch]:
        """What is to be tried again."""
        yield from self._parts
        yield from self._suspects

    def clear(self) -> None:
        """Forget all."""
        self._parts.clear()
        self._suspects.clear()
        self._tried = None

    def next(self) -> Batch | None:
        """The next batch to try again."""
        while self._parts:
            batch = self._parts.popleft().without(self._is_over)
            if batch.is_guilty and len(batch.requests) > 1:
                self._parts.extendleft(reversed(batch.halves()))
            elif batch.requests:
                return batch
        while self._suspects and self._tried is None:
            batch = self._suspects.popleft().without(self._is_over)
            if batch.requests:
                self._tried = batch
                return batch
        return None

    def ended(self, batch: Batch) -> None:
        """`batch` has come back, one way or the other."""
        if batch is self._tried:
            self._tried = None

    def succeeded(self, batch: Batch) -> None:
        """`batch` has, so that it is known who is guilty."""
        if batch.sibling is not None:
            batch.sibling.is_guilty = True

    def failed(self, batch: Batch, error: BaseException, *, hung: bool) -> None:
        """Try `batch` again in parts, or fail its requests with `error`."""
        if isinstance(error, ModelDied):
            self._died(batch, error, hung=hung)
            return
        if is_out_of_memory(error) and batch.rows > 1:
            batch.lane.window.ran_out_of_memory(batch.rows)
            log.warning("Out of memory with %d rows: going on with fewer.", batch.rows)
        rest = batch.without(self._is_over)
        if self._idempotent:
            # If somebody has left, it may have been the guilty one.
            parts = batch.parts(error) if rest is batch else (rest,)
            self._parts.extendleft(part for part in reversed(parts) if part.requests)
            if parts:
                return
        if isinstance(error, RequestError) and len(rest.requests) == 1:
            rest.requests[0].reject(error)
        elif rest.requests:
            log.error("The model failed on %d rows.", rest.rows, exc_info=error)
            for request in rest.requests:
                failure = PredictionFailed()
                failure.__cause__ = error
                request.reject(failure)

    def _died(self, batch: Batch, error: ModelDied, *, hung: bool) -> None:
        log.error("The model died while it ran %d rows: %s.", batch.rows, error.why)
        rest = batch.without(self._is_over)
        if self._idempotent and not batch.is_suspect:
            self._suspects.extend(rest.singles())
            return
        for request in rest.requests:
            request.reject(
                DeadlineExceeded("The model did not come to an end with this request.")
                if hung
                else ModelDied(error.why)
            )
