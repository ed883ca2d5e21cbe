"""Lane: waiting requests that may share a batch."""

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import accumulate
from typing import Protocol

from ..batch.batch import Batch
from ..observer import Release
from ..policy.window import Window
from ..request import Request

Drop = Callable[[Request], None]
"""Called with each request that is removed because it is over or expired."""


class Evictor(Protocol):
    """Is told of requests that are taken out of a lane without a batch."""

    def drop(self, request: Request) -> None:
        """It is over, or its deadline has passed."""

    def is_hopeless(self, lane: "Lane", request: Request, queued: int) -> bool:
        """Whether to give it up for the sake of the others, of `queued` rows with its own."""

    def give_up(self, request: Request) -> None:
        """Refuse it."""


class Backlog:
    """Rows and bytes that wait, over all lanes."""

    __slots__ = ("bytes", "rows")

    def __init__(self) -> None:
        self.rows = 0
        self.bytes = 0


class Lane:
    """Requests that may share a batch (same shapes, dtypes, parameters), oldest first."""

    __slots__ = ("_queue", "backlog", "is_listed", "key", "rows", "window")

    def __init__(self, key: Hashable, window: Window, backlog: Backlog) -> None:
        self.key = key  # what is alike in these requests
        self.window = window
        self.backlog = backlog
        self.rows = 0  # not yet taken by a batch
        self.is_listed = False  # whether the batcher has it in its order of lanes
        self._queue: deque[Request] = deque()

    def __iter__(self) -> Iterator[Request]:
        """The requests that wait, or still wait for some of their rows."""
        return iter(self._queue)

    @property
    def head(self) -> Request | None:
        """The next request."""
        return self._queue[0] if self._queue else None

    def ahead(self, request: Request) -> int:  # noqa: ARG002  # others are not all alike
        """The number of rows ahead of `request`."""
        return self.rows

    def push(self, request: Request) -> None:
        """Queue `request`."""
        self._queue.append(request)
        self._count(request.rows, request.size)

    def push_all(self, requests: Sequence[Request], rows: int, size: int) -> None:
        """Queue `requests`, which have so many rows and bytes together."""
        self._queue.extend(requests)
        self._count(rows, size)

    def pop(self) -> Request:
        """Remove the next request, with all of its rows that are in no batch."""
        request = self._queue.popleft()
        self._count(request.taken - request.rows, -request.size)
        return request

    def take(self, room: int, reason: Release, now: float, evictor: Evictor) -> Batch:
        """Take up to `room` rows from the front, in order, and drop requests that are over."""
        queue = self._queue
        if self.rows <= room:
            odd = [each for each in queue if each.taken or each.is_over or each.deadline <= now]
            if not odd:
                return self._take_all(reason)
        requests, bounds, starts = [], [0], []
        rows, size, is_split = 0, 0, False
        while queue and rows < room:
            request = queue[0]
            if request.is_over or request.deadline <= now:
                evictor.drop(self.pop())
                continue
            start, stop = request.taken, request.rows
            if stop - start > room - rows:
                stop = start + room - rows
                is_split = True
            else:
                queue.popleft()
                size += request.size
                is_split = is_split or start > 0
            request.taken = stop
            rows += stop - start
            requests.append(request)
            bounds.append(rows)
            starts.append(start)
        self._count(-rows, -size)
        return Batch(self.window, reason, requests, bounds, starts if is_split else None)

    def _take_all(self, reason: Release) -> Batch:
        """As `take`, if there is room for all, and all are whole: in half the time."""
        requests = list(self._queue)
        self._queue.clear()
        for request in requests:
            request.taken = request.rows
        self._count(-self.rows, -sum([request.size for request in requests]))
        bounds = [0, *accumulate([request.rows for request in requests])]
        return Batch(self.window, reason, requests, bounds)

    def prune(self, now: float, drop: Drop) -> None:
        """Drop all requests that are over or expired, wherever they are in the queue."""
        kept: deque[Request] = deque()
        gone = []
        for request in self._queue:
            if request.is_over or request.deadline <= now:
                gone.append(request)
                self._count(request.taken - request.rows, -request.size)
            else:
                kept.append(request)
        self._queue = kept
        # At the end, because the callee may enqueue another request.
        for request in gone:
            drop(request)

    def clear(self) -> None:
        """Forget all."""
        while self._queue:
            self.pop()

    def _count(self, rows: int, size: int) -> None:
        self.rows += rows
        self.backlog.rows += rows
        self.backlog.bytes += size
