"""RankedLane: a lane whose requests have priorities, or whose clients have fair shares."""

from collections.abc import Hashable, Iterator
from typing import NamedTuple

from ..batch.batch import Batch
from ..observer import Release
from ..policy.window import Limits, Window
from ..request import Request
from .fair_queue import FairQueue
from .lane import Backlog, Drop, Evictor, Lane
from .ledger import Ledger

MIN_SHARE = 1 / 8  # of the queue, from which others cannot evict a class or client


class Turn(NamedTuple):
    """When it is the turn of a class: the smallest first."""

    urgency: int  # its priority, less one for each step that it has waited
    priority: int
    spent: float  # seconds used by its next client
    arrived: float  # seconds, its oldest


class RankedLane(Lane):
    """Requests by priority, and by client within one priority.

    A waiting class becomes more urgent by one step for each half latency budget (or each full
    batch, if that takes longer) since it was served last. If it then precedes a class of higher
    priority, it gets up to half of a batch. So urgent requests cannot starve the others, and the
    others, however old, cannot block urgent ones.
    """

    __slots__ = ("_classes", "_fair", "_ledger", "_limits", "_order")

    def __init__(
        self, key: Hashable, window: Window, backlog: Backlog, limits: Limits, ledger: Ledger
    ) -> None:
        super().__init__(key, window, backlog)
        self._limits = limits
        self._ledger = ledger
        self._classes: dict[int, FairQueue] = {}
        self._order: list[FairQueue] = []  # of this turn

    def __iter__(self) -> Iterator[Request]:
        """The requests that wait, in no order."""
        return (request for queue in self._classes.values() for request in queue)

    # --- turns ---

    def arrange(self, now: float) -> Turn | None:
        """Choose the next queue; None if all are empty."""
        step = max(self._limits.latency_budget / 2, self.window.full_seconds)
        turns = []
        for queue in self._classes.values():
            head = queue.head
            if head is not None:
                waited = now - max(head.arrived, queue.served)
                steps = int(waited / step) if step else 0
                spent = self._ledger[queue.client(head)]
                turn = Turn(queue.priority - steps, queue.priority, spent, head.arrived)
                turns.append((turn, queue))
        if len(turns) > 1:
            turns.sort()  # no two have one priority
        self._order = [queue for _, queue in turns]
        return turns[0][0] if turns else None

    @property
    def head(self) -> Request | None:
        """The next request as arranged; any request before that."""
        for queue in self._order or self._classes.values():
            head = queue.head
            if head is not None:
                return head
        return None

    # --- requests ---

    def push(self, request: Request) -> None:
        """Queue `request`."""
        priority = request.priority if self._limits.priorities else 0
        queue = self._classes.get(priority)
        if queue is None:
            queue = FairQueue(priority, self._ledger, fair=self._limits.fairness)
            self._classes[priority] = queue
        queue.push(request)
        self._order = []
        self._count(request.rows, request.size)

    def pop(self) -> Request:
        """Remove the next request, with all of its rows that are in no batch."""
        queue = next(q for q in self._order or self._classes.values() if q.head is not None)
        return self._pop(queue)

    def _pop(self, queue: FairQueue) -> Request:
        request = queue.pop()
        self._count(request.taken - request.rows, -request.size)
        return request

    def take(self, room: int, reason: Release, now: float, evictor: Evictor) -> Batch:
        """Take up to `room` rows in order of urgency, and drop requests that are over."""
        if not self._order:
            self.arrange(now)
        filling = Filling(self, room, now, evictor)
        order, early = self._order, 0
        if order and any(queue.priority < order[0].priority for queue in order[1:]):
            early = filling.take(order[0], max(1, room // 2))
            order = [*order[1:], order[0]]
        for queue in order:
            taken = filling.take(queue, room) + (early if queue is self._order[0] else 0)
            queue.offered((taken + filling.room) / room)
        return filling.batch(reason)

    def miss(self) -> None:
        """Note that a batch of another lane runs while requests wait here."""
        for queue in self._classes.values():
            if queue.rows:
                queue.offered(0.0)

    def prune(self, now: float, drop: Drop) -> None:
        """Drop all requests that are over or expired."""
        gone = [request for queue in self._classes.values() for request in queue.prune(now)]
        for request in gone:
            self._count(request.taken - request.rows, -request.size)
        for request in gone:
            drop(request)

    def clear(self) -> None:
        """Forget all."""
        for queue in self._classes.values():
            while queue.head is not None:
                self._pop(queue)

    # --- room ---

    def ahead(self, request: Request) -> int:
        """The estimated number of rows ahead of `request`."""
        priority = request.priority if self._limits.priorities else 0
        rows = sum(queue.rows for queue in self._classes.values() if queue.priority < priority)
        own = self._classes.get(priority)
        return rows + (own.ahead(request) if own is not None else 0)

    def equivalent(self, request: Request) -> float:
        """How many rows could be answered until those of `request` are, by its class' share.

        Where that is small, its turns come rarely, with half a batch each.
        """
        queue = self._class_of(request)
        if queue is None:
            return self.ahead(request) + request.rows
        share = max(queue.share, 1 / self.window.limit)
        pause = (1 / share - 1) * self.window.limit / 2
        return pause + (queue.ahead(request) + request.rows) / share

    def _class_of(self, request: Request) -> FairQueue | None:
        return self._classes.get(request.priority if self._limits.priorities else 0)

    def queues(self) -> Iterator[FairQueue]:
        """One for each priority."""
        return iter(self._classes.values())

    def evict(self, queue: FairQueue) -> Request | None:
        """Remove the newest request of the client with the most rows in `queue`."""
        request = queue.evict(queue.largest())
        if request is not None:
            self._count(request.taken - request.rows, -request.size)
        return request


class Filling:
    """A batch that is being filled from several queues."""

    def __init__(self, lane: RankedLane, room: int, now: float, evictor: Evictor) -> None:
        self._lane = lane
        self._room = room
        self._now = now
        self._evictor = evictor
        self._requests: list[Request] = []
        self._bounds = [0]
        self._starts: list[int] = []

    @property
    def room(self) -> int:
        """Rows that could still be taken."""
        return self._room - self._bounds[-1]

    def take(self, queue: FairQueue, most: int) -> int:
        """Take up to `most` rows of `queue`, while there is room; how many were taken."""
        lane, seconds = self._lane, self._lane.window.row_seconds
        before = self.room
        most = min(most, before)
        while most and (request := queue.head) is not None:
            if request.is_over or request.deadline <= self._now:
                self._evictor.drop(lane._pop(queue))  # noqa: SLF001  # the lane's other half
                continue
            if self._evictor.is_hopeless(lane, request, lane.rows + self._bounds[-1]):
                self._evictor.give_up(lane._pop(queue))  # noqa: SLF001
                continue
            rows = min(most, request.rows - request.taken)
            self._requests.append(request)
            self._starts.append(request.taken)
            self._bounds.append(self._bounds[-1] + rows)
            most -= rows
            queue.serve(rows, rows * seconds, self._now)
            lane._count(-rows, 0)  # noqa: SLF001
            if request.taken == request.rows:
                lane._pop(queue)  # noqa: SLF001
        return before - self.room

    def batch(self, reason: Release) -> Batch:
        """The rows that were taken."""
        bounds, starts = self._bounds, self._starts
        whole = all(
            bounds[i + 1] - bounds[i] == request.rows for i, request in enumerate(self._requests)
        )
        return Batch(self._lane.window, reason, self._requests, bounds, None if whole else starts)
