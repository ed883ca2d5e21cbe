"""Recovery: runs failed batches again in parts, so that only the guilty request fails."""

import logging
from collections import deque
from collections.abc import Callable, Iterator

from ...errors import DeadlineExceeded, ModelDied, PredictionFailed, RequestError
from ..execution.out_of_memory import is_out_of_memory
from ..request import Request
from .batch import Batch

log = logging.getLogger(__name__)


class Recovery:
    """Runs failed batches again in parts, and fails the requests that are guilty.

    A batch that raised is halved and run again until the guilty request is alone. If the model
    died, each request is tried once more, alone, in the same executor, so that the other executors
    are not disturbed; a request that crashes the model does so at most twice.
    """

    __slots__ = ("_idempotent", "_is_over", "_parts", "_suspects")

    def __init__(self, is_over: Callable[[Request], bool], *, idempotent: bool) -> None:
        self._is_over = is_over
        self._idempotent = idempotent
        self._parts: deque[Batch] = deque()
        self._suspects: dict[int, deque[Batch]] = {}  # by executor

    def __bool__(self) -> bool:
        """Whether something is to be tried again."""
        return bool(self._parts or any(self._suspects.values()))

    def batches(self) -> Iterator[Batch]:
        """The batches to try again."""
        yield from self._parts
        for suspects in self._suspects.values():
            yield from suspects

    def prune(self) -> None:
        """Forget what nobody waits for any more."""
        for batches in (self._parts, *self._suspects.values()):
            left = [batch.without(self._is_over) for batch in batches]
            batches.clear()
            batches.extend(batch for batch in left if batch.requests)

    def clear(self) -> None:
        """Forget all."""
        self._parts.clear()
        self._suspects.clear()

    def next(self, executor: int) -> Batch | None:
        """The next batch to try again, in the executor with this index."""
        while self._parts:
            batch = self._parts.popleft().without(self._is_over)
            if batch.is_guilty and len(batch.requests) > 1:
                self._parts.extend(batch.suspects())
            elif batch.requests:
                return batch
        suspects = self._suspects.get(executor)
        while suspects:
            batch = suspects.popleft().without(self._is_over)
            if batch.requests:
                return batch
        return None

    def succeeded(self, batch: Batch) -> None:
        """`batch` has succeeded, so its other half caused the failure of both."""
        if batch.sibling is not None:
            batch.sibling.is_guilty = True

    def failed(self, batch: Batch, error: BaseException) -> None:
        """The model raised `error`: try `batch` again in parts, or fail its requests."""
        batch.window.failed()
        if batch.family is not None:
            batch.family.failed += 1
        if is_out_of_memory(error) and batch.rows > 1:
            batch.window.ran_out_of_memory(batch.rows)
            log.warning("Out of memory with %d rows: going on with fewer.", batch.rows)
        rest = batch.without(self._is_over)
        if self._idempotent:
            # If a request was cancelled meanwhile, it may have been the guilty one.
            parts = batch.parts(error) if rest is batch else (rest,)
            # At the end, so that innocent requests do not wait for guilty ones.
            self._parts.extend(part for part in parts if part.requests)
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

    def died(self, batch: Batch, error: ModelDied, executor: int, *, hung: bool) -> None:
        """The model died of `batch`: try its requests one by one, or fail them."""
        batch.window.failed()
        log.error("The model died while it ran %d rows: %s.", batch.rows, error.why)
        rest = batch.without(self._is_over)
        if self._idempotent and not batch.is_suspect:
            self._suspects.setdefault(executor, deque()).extend(rest.last_tries())
            return
        for request in rest.requests:
            request.reject(
                DeadlineExceeded("The model did not finish this request in time.")
                if hung
                else ModelDied(error.why)
            )
