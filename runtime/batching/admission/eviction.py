"""Eviction: removes requests that were cancelled, expired or displaced, and fails them."""

from collections.abc import Callable, Iterable
from math import inf

from ...errors import DeadlineExceeded, Overloaded
from ..lanes.lane import Lane
from ..lanes.lanes import Lanes
from ..observer import BatchObserver
from ..request import Request
from .admission import Admission


class Eviction:
    """Drops requests that were cancelled, are too late, or must make room for others.

    now         seconds, of the batcher's turn
    is_pruned   whether the queues have been looked through since the last batch
    """

    __slots__ = ("_admission", "_in_flight", "_lanes", "_observer", "is_pruned", "now")

    def __init__(
        self,
        lanes: Lanes,
        in_flight: Callable[[], Iterable[Request]],
        admission: Admission,
        observer: BatchObserver,
    ) -> None:
        self._lanes = lanes
        self._in_flight = in_flight  # requests that no longer wait, or not with all their rows
        self._admission = admission
        self._observer = observer
        self.now = 0.0
        self.is_pruned = False

    def is_over(self, request: Request) -> bool:
        """Whether a request needs no answer any more; rejects it if its deadline has passed."""
        if not request.is_over and request.deadline > self.now:
            return False
        self.drop(request)
        return True

    def drop(self, request: Request) -> None:
        """Count a removed request as cancelled or expired; an expired one fails with that error."""
        if request.is_abandoned:
            request.is_abandoned = False
            self._observer.refused("cancelled")
        elif not request.is_over:
            self._observer.refused("expired")
            request.reject(DeadlineExceeded("The deadline passed before the answer came."))

    def prune_front(self, lane: Lane) -> None:
        """Drop requests at the front that are over, or hopeless while others can be in time."""
        while (request := lane.head) is not None:
            if request.is_over or request.deadline <= self.now:
                self.drop(lane.pop())
                continue
            if not self.is_hopeless(lane, request, lane.rows):
                return
            self.give_up(lane.pop())

    def is_hopeless(self, lane: Lane, request: Request, queued: int) -> bool:
        """Whether running it would make it, and the others of `queued` rows, too late."""
        patience = self._admission.patience.limit(self.now)
        slack = min(request.deadline, request.arrived + patience) - self.now
        return not request.taken and lane.window.is_hopeless(queued, request.rows, slack)

    def give_up(self, request: Request) -> None:
        """Refuse a request for the sake of the others."""
        request.reject(self._admission.overloaded(self.now))

    def prune(self, now: float) -> None:
        """Drop all requests that are over or expired, at most once per batch."""
        if not self.is_pruned:
            self.is_pruned = True
            self.now = now
            self._lanes.prune(now, self.drop)
            self._observer.queued(self._lanes.backlog.rows)

    def make_room(self, request: Request, now: float) -> None:
        """Drop requests that are over, or have a smaller right to their place than `request`.

        Raises:
            Overloaded: there is still no room.
        """
        self.prune(now)
        while not self._admission.has_room(request.rows, request.size):
            evicted = self._lanes.evict_for(request)
            if evicted is None:
                raise self._admission.refuse_full(request.rows, now)
            if evicted.is_over:
                self.drop(evicted)
            else:
                evicted.reject(self._admission.overloaded(now))

    def expire(self, now: float) -> float:
        """Fail requests whose deadline has passed, running or not; returns the next deadline."""
        self.is_pruned = False
        self.prune(now)
        for request in list(self._in_flight()):
            if not request.is_over and request.deadline <= now:
                self.drop(request)
        waiting = [*self._in_flight(), *self._lanes.requests()]
        return min((r.deadline for r in waiting if not r.is_over), default=inf)

    def close(self, requests: Iterable[Request]) -> None:
        """Answer 503 to these requests, because the server ends, or this model."""
        for request in requests:
            error = Overloaded("The model was stopped before it answered.", retry_after=1.0)
            if request.reject(error):
                self._observer.refused("stopped")
