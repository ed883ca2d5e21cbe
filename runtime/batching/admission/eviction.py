"""Eviction: removes requests that were cancelled, expired or displaced, and tells them why."""

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
        """It is over, or its deadline has passed: no batch takes it any more."""
        if request.is_abandoned:
            request.is_abandoned = False
            self._observer.refused("cancelled")
        elif not request.is_over:
            self._observer.refused("expired")
            request.reject(DeadlineExceeded("The deadline passed before the answer came."))

    def prune_front(self, lane: Lane) -> None:
        """Drop from the front what is over, and what cannot be helped while others can."""
        while (request := lane.head) is not None:
            if request.is_over or request.deadline <= self.now:
                self.drop(lane.pop())
                continue
            if not self.is_hopeless(lane, request, lane.rows):
                return
            self.give_up(lane.pop())

    def is_hopeless(self, lane: Lane, request: Request, queued: int) -> bool:
        """Whether it would come too late, and with it the others of `queued` rows."""
        patience = self._admission.patience.limit(self.now)
        slack = min(request.deadline, request.arrived + patience) - self.now
        return not request.taken and lane.window.is_hopeless(queued, request.rows, slack)

    def give_up(self, request: Request) -> None:
        """Refuse a request for the sake of the others."""
        request.reject(self._admission.overloaded(self.now))

    def prune(self, now: float) -> None:
        """Drop whatever is over from all queues, at most once a batch."""
        if not self.is_pruned:
            self.is_pruned = True
            self.now = now
            self._lanes.prune(now, self.drop)
            self._observer.queued(self._lanes.backlog.rows)

    def make_room(self, request: Request, now: float) -> None:
        """Drop what is over and what must give way to `request`.

        Raises:
            Overloaded: that is not room enough.
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
        """Tell those whose deadline has passed, running or not; the next deadline."""
        self.is_pruned = False
        self.prune(now)
        for request in list(self._in_flight()):
            if not request.is_over and request.deadline <= now:
                self.drop(request)
        waiting = [*self._in_flight(), *self._lanes.requests()]
        return min((r.deadline for r in waiting if not r.is_over), default=inf)

    def close(self, requests: Iterable[Request]) -> None:
        """The server goes: answer 503."""
        for request in requests:
            if request.reject(Overloaded("The server is shutting down.", retry_after=1.0)):
                self._observer.refused("stopped")
