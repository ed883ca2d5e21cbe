"""RankedLanes: lanes ordered by priority and share, not by age alone."""

from collections import Counter
from collections.abc import Hashable, Iterator
from itertools import islice
from math import ceil

from ..policy.window import Limits, Window
from ..request import Request
from .fair_queue import FairQueue
from .lane import Lane
from .lanes import LOOKED_AT, Lanes
from .ledger import Ledger
from .ranked_lane import MIN_SHARE, RankedLane

Places = list[tuple[FairQueue, RankedLane]]


class RankedLanes(Lanes):
    """All requests that wait for one model, if `Limits` has priorities or shares."""

    is_by_age = False
    __slots__ = ("_first", "_ledger")

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._ledger = Ledger()
        self._first = 0  # index of the next lane in the order

    def _new(self, key: Hashable, window: Window) -> RankedLane:
        return RankedLane(key, window, self.backlog, self._limits, self._ledger)

    def _lanes(self) -> Iterator[RankedLane]:
        return (lane for _, _, lane in self._order if isinstance(lane, RankedLane))

    def _rank(self, lane: Lane) -> float:  # noqa: ARG002  # `first` chooses
        return 0.0

    def first(self, now: float) -> Lane:
        """The next lane."""
        lanes = enumerate(self._lanes())
        turns = [(turn, place) for place, lane in lanes if (turn := lane.arrange(now)) is not None]
        self._first = min(turns)[1] if turns else 0
        return self._order[self._first][2]

    def delist_first(self) -> None:
        """Remove the next lane from the order."""
        self._order.pop(self._first)[2].is_listed = False
        for lane in self._lanes():
            lane.miss()

    def work(self, lane: Lane, request: Request, executors: int) -> float:
        """The larger of two estimates: from the queue, and from recent shares of batches."""
        assert isinstance(lane, RankedLane)
        rows = ceil(lane.equivalent(request))
        return max(super().work(lane, request, executors), lane.window.duration(rows, executors))

    def others(self, lane: Lane, request: Request) -> float:
        """The estimated seconds of work in other lanes ahead of `request`."""
        cost = lane.window.cost
        looked_at = [each for each in islice(self._lanes(), LOOKED_AT) if each is not lane]
        rows = [other.ahead(request) for other in looked_at]
        seconds = sum(cost.alpha + cost.beta * each for each in rows if each)
        return seconds * (len(self._order) - lane.is_listed) / (len(looked_at) or 1)

    def evict_for(self, request: Request) -> Request | None:
        """Remove a request with a smaller right to its place than `request`, if there is one.

        Each priority may use a part of the queue. Beyond it, less urgent requests are displaced by
        more urgent ones, and those of clients with a larger share by those with a smaller one.
        """
        places = [(queue, lane) for lane in self._lanes() for queue in lane.queues() if queue.rows]
        rows: Counter[int] = Counter()
        for queue, _ in places:
            rows[queue.priority] += queue.rows
        part = MIN_SHARE * self._limits.max_queue_rows
        own = request.priority if self._limits.priorities else 0
        over = [each for each in rows if rows[each] > part and each != own]
        if rows[own] + request.rows > part:
            over = [each for each in over if each > own]
        if over:
            return _evict(places, max(over))
        return self._evict_larger(places, request, own)

    def _evict_larger(self, places: Places, request: Request, priority: int) -> Request | None:
        """Remove a request of the client with most rows, unless that is the one of `request`."""
        if not self._limits.fairness:
            return None
        alike = [place for place in places if place[0].priority == priority]
        own = sum(queue.rows_of(request.client) for queue, _ in alike) + request.rows
        for queue, lane in alike:
            if queue.rows_of(queue.largest()) > own:
                return lane.evict(queue)
        return None


def _evict(places: Places, priority: int) -> Request | None:
    alike = [place for place in places if place[0].priority == priority]
    queue, lane = max(alike, key=lambda place: place[0].rows)
    return lane.evict(queue)
