"""Request: the rows of one client, their progress, and the receiver of the answer."""

import asyncio
import logging
from collections.abc import Callable, Hashable
from math import inf
from typing import Any, Protocol

from ..errors import PredictionFailed, RequestError

log = logging.getLogger(__name__)


class Run:
    """One batch in an executor, as its requests remember it."""

    __slots__ = ("finished", "released", "rows")

    def __init__(self, rows: int, released: float) -> None:
        self.rows = rows
        self.released = released  # seconds, on the batcher's clock
        self.finished = 0.0  # 0 while it runs


class Request:
    """Rows to be answered for one client; subclasses deliver the answer.

    A plain object: no future, no callback, no task. The batcher calls `succeed` or `fail`, once,
    on its loop; `abandon` is called when the client leaves. Neither hook may raise.

    batch      the rows, as the model takes them; if `first` is set, beside the rows of others
    first      where its own rows begin in `batch`; None if there are no others
    rows       their number; a batcher that merges no requests counts each as one
    size       bytes that they count in the queue
    deadline   on the batcher's clock, in seconds; the answer is useless after it
    priority   0 is the most urgent; used with `Limits.priorities`
    client     whose share it counts against; used with `Limits.fairness`
    """

    __slots__ = (
        "answers", "arrived", "batch", "client", "deadline", "first", "is_abandoned", "is_over",
        "left", "priority", "rows", "run", "size", "taken",
    )  # fmt: skip

    group: "Group | None" = None
    """Takes whole batches instead of one answer after the other; of the class, or a slot of it."""

    def __init__(
        self,
        batch: Any,
        rows: int,
        size: int = 0,
        deadline: float | None = None,
        priority: int = 1,
        client: Hashable = None,
    ) -> None:
        self.batch = batch
        self.first: int | None = None
        self.rows = rows
        self.size = size
        self.deadline = inf if deadline is None else deadline
        self.priority = priority
        self.client = client
        self.arrived = 0.0  # seconds, on the batcher's clock, when it was queued
        self.taken = 0  # rows that batches have taken
        self.left = rows  # rows without an answer
        self.answers: list[tuple[int, Any]] | None = None  # (first row, answer), if it was split
        self.run: Run | None = None  # the last batch that took rows of it
        self.is_over = False  # answered, failed or abandoned
        self.is_abandoned = False  # and not counted as such yet

    # --- for the receiver of the answer ---

    def succeed(self, output: Any) -> None:
        """The model's answer for exactly these rows."""

    def fail(self, error: RequestError) -> None:
        """There will be no answer, and why."""

    def abandon(self) -> None:
        """The client has left: no model need run for it, and no answer is wanted."""
        if not self.is_over:
            self.is_over = self.is_abandoned = True

    @property
    def released(self) -> float:
        """When that batch went to its executor; 0 before."""
        return 0.0 if self.run is None else self.run.released

    @property
    def finished(self) -> float:
        """When that batch ended; 0 before."""
        return 0.0 if self.run is None else self.run.finished

    # --- for the batcher ---

    def settle(self, output: Any) -> None:
        """Answer it."""
        self.is_over = True
        self.succeed(output)

    def reject(self, error: RequestError) -> bool:
        """Answer with `error`, unless it is over."""
        if self.is_over:
            return False
        self.is_over = True
        self.fail(error)
        return True

    def take_part(
        self, start: int, stop: int, output: Any, concat: Callable[[list[Any]], Any]
    ) -> bool:
        """Store the answer for the rows `start:stop`; returns whether all rows are answered."""
        answers = self.answers
        if answers is None:
            answers = self.answers = []
        answers.append((start, output))
        self.left -= stop - start
        if self.left:
            return False
        try:
            whole = concat([part for _, part in sorted(answers, key=_first_row)])
        except Exception as error:
            log.exception("The parts of an answer cannot be joined.")
            failure = PredictionFailed()
            failure.__cause__ = error
            self.reject(failure)
        else:
            self.settle(whole)
        return True


def _first_row(part: tuple[int, Any]) -> int:
    return part[0]


class Group(Protocol):
    """Receives the answers of a whole batch in one call, for all its requests.

    Called if all requests of a batch belong to it, have all of their rows in it, and are not
    cancelled; `succeed` is not called then. Must not raise.
    """

    def answer(self, requests: list[Any], output: Any, bounds: list[int]) -> None:
        """Deliver an output; the rows `bounds[i]:bounds[i + 1]` answer request i."""


class FutureRequest(Request):
    """A request whose answer is awaited as a future."""

    __slots__ = ("future",)

    def __init__(
        self,
        batch: Any,
        rows: int,
        size: int = 0,
        deadline: float | None = None,
        priority: int = 1,
        client: Hashable = None,
    ) -> None:
        super().__init__(batch, rows, size, deadline, priority, client)
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def succeed(self, output: Any) -> None:
        """Hand over the answer."""
        if not self.future.done():
            self.future.set_result(output)

    def fail(self, error: RequestError) -> None:
        """Hand over the error."""
        if not self.future.done():
            self.future.set_exception(error)

    async def answer(self) -> Any:
        """Wait for the answer; cancelling this abandons the request."""
        try:
            return await self.future
        except asyncio.CancelledError:
            self.abandon()
            raise
