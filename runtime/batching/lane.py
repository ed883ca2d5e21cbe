"""What waits: requests, and lanes of those that may share a batch."""

import logging
from collections import deque
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any

from ..errors import PredictionFailed
from .window import Window

if TYPE_CHECKING:
    import asyncio

log = logging.getLogger(__name__)


class Request:
    """Rows that one client wants answered, and how far they have come."""

    __slots__ = (
        "answers", "arrived", "batch", "deadline", "future", "left", "rows", "size", "taken",
    )  # fmt: skip

    def __init__(
        self,
        future: "asyncio.Future[Any]",
        batch: Any,
        rows: int,
        size: int,
        arrived: float,
        deadline: float | None,
    ) -> None:
        self.future = future
        self.batch = batch
        self.rows = rows
        self.size = size  # bytes, as far as the caller knows
        self.arrived = arrived  # seconds, on the batcher's clock
        self.deadline = inf if deadline is None else deadline  # seconds, on the same clock
        self.taken = 0  # rows that batches have taken
        self.left = rows  # rows without an answer
        self.answers: list[tuple[int, Any]] = []  # (first row, answer), where it was split

    def accept(self, piece: "Piece", answer: Any, concat: Callable[[list[Any]], Any]) -> bool:
        """Take the answer for `piece`; whether that answers the whole request."""
        if self.future.done():
            return False
        if piece.is_whole:
            self.future.set_result(answer)
            return True
        self.answers.append((piece.start, answer))
        self.left -= piece.rows
        if self.left:
            return False
        parts = [part for _, part in sorted(self.answers, key=lambda part: part[0])]
        try:
            self.future.set_result(concat(parts))
        except Exception as error:
            log.exception("The parts of an answer cannot be joined.")
            failure = PredictionFailed()
            failure.__cause__ = error
            self.future.set_exception(failure)
        return True

    def fail(self, error: BaseException) -> bool:
        """Answer with `error`, unless it has been answered or its client is gone."""
        if self.future.done():
            return False
        self.future.set_exception(error)
        return True


class Piece:
    """The rows `start:stop` of a request, as they stand in one batch."""

    __slots__ = ("request", "start", "stop")

    def __init__(self, request: Request, start: int, stop: int) -> None:
        self.request = request
        self.start = start
        self.stop = stop

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self.stop - self.start

    @property
    def is_whole(self) -> bool:
        """Whether it is all of its request."""
        return self.stop - self.start == self.request.rows


class Backlog:
    """Rows and bytes that wait, over all lanes."""

    __slots__ = ("bytes", "rows")

    def __init__(self) -> None:
        self.rows = 0
        self.bytes = 0


class Lane:
    """Requests that may share a batch (same shapes, dtypes, parameters), oldest first."""

    __slots__ = ("backlog", "is_listed", "queue", "rows", "window")

    def __init__(self, window: Window, backlog: Backlog) -> None:
        self.window = window
        self.backlog = backlog
        self.queue: deque[Request] = deque()
        self.rows = 0  # not yet taken by a batch
        self.is_listed = False  # whether the batcher has it in its order of lanes

    def push(self, request: Request) -> None:
        """Queue `request`."""
        self.queue.append(request)
        self.rows += request.rows
        self.backlog.rows += request.rows
        self.backlog.bytes += request.size

    def pop(self) -> Request:
        """Take the oldest request out, with all its rows that no batch has taken."""
        request = self.queue.popleft()
        self._leave(request)
        return request

    def take(self, room: int, is_over: Callable[[Request], bool]) -> list[Piece]:
        """Take up to `room` rows off the front, as pieces in order; drop what is over."""
        pieces = []
        while room and self.queue:
            request = self.queue[0]
            if is_over(request):
                self.pop()
                continue
            start = request.taken
            stop = min(request.rows, start + room)
            pieces.append(Piece(request, start, stop))
            if stop == request.rows:
                self.pop()
            else:
                self.rows -= stop - start
                self.backlog.rows -= stop - start
            request.taken = stop
            room -= stop - start
        return pieces

    def weed(self, is_over: Callable[[Request], bool]) -> None:
        """Drop every request that is over, wherever it stands."""
        kept: deque[Request] = deque()
        for request in self.queue:
            if is_over(request):
                self._leave(request)
            else:
                kept.append(request)
        self.queue = kept

    def _leave(self, request: Request) -> None:
        rows = request.rows - request.taken
        self.rows -= rows
        self.backlog.rows -= rows
        self.backlog.bytes -= request.size
