"""Lanes: the queued requests of a model by lane, and the predicted time to run them."""

from collections.abc import Hashable, Iterator
from dataclasses import replace
from heapq import heappop, heappush
from itertools import count, islice

from ..policy.cost import CostModel
from ..policy.window import Limits, Window
from ..request import Request
from .lane import Backlog, Drop, Lane

KNOWN = 64  # empty lanes whose costs are remembered
LOOKED_AT = 32  # lanes of which the work is added up; others are taken to be like these


class Lanes:
    """Lanes by key, and in the order of their oldest requests.

    is_by_age  whether who comes later never comes first
    """

    is_by_age = True
    __slots__ = ("_by_key", "_empty", "_limits", "_order", "_tie", "backlog", "cost")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_key: dict[Hashable, Lane] = {}
        self._empty: dict[Hashable, Lane] = {}  # of these; the one that was used last is the last
        self._order: list[tuple[float, int, Lane]] = []  # a heap of the lanes with requests
        self._tie = count()
        self.backlog = Backlog()
        self.cost = CostModel()  # the cost with which a new lane starts

    def __len__(self) -> int:
        """How many lanes have, or just had, something waiting."""
        return len(self._order)

    def __getitem__(self, key: Hashable) -> Lane:
        """The lane for `key`; a new one if need be."""
        lane = self._by_key.get(key)
        if lane is None:
            lane = self._by_key[key] = self._new(key, Window(self._limits, self.cost.copy()))
            self._put_away(lane)
        return lane

    def learn(self, window: Window) -> None:
        """Let new lanes begin with what was measured in this one."""
        self.cost = window.cost
        if self._limits.mergeable and window.most < self._limits.max_batch_size:
            self._limits = replace(self._limits, max_batch_size=window.most)

    def _new(self, key: Hashable, window: Window) -> Lane:
        return Lane(key, window, self.backlog)

    def enlist(self, lane: Lane) -> None:
        """Put a lane in the order, if something waits in it."""
        if lane.is_listed:
            return
        if not lane.rows:
            self._put_away(lane)
            return
        self._empty.pop(lane.key, None)
        lane.is_listed = True
        heappush(self._order, (self._rank(lane), next(self._tie), lane))

    def _rank(self, lane: Lane) -> float:
        head = lane.head
        return head.arrived if head is not None else 0.0

    def first(self, now: float) -> Lane:  # noqa: ARG002  # others are not all as patient
        """The next lane: the one with the oldest request."""
        return self._order[0][2]

    def delist_first(self) -> None:
        """Remove the next lane from the order."""
        heappop(self._order)[2].is_listed = False

    def evict_for(self, request: Request) -> Request | None:  # noqa: ARG002  # all are alike
        """Remove a request with a smaller right to its place than `request`, if there is one."""
        return None

    def others(self, lane: Lane, request: Request) -> float:  # noqa: ARG002
        """About how many seconds of work in other lanes `request` would wait for.

        As if each were one batch, at this lane's cost: no loop over lanes for every request.
        """
        rows = self.backlog.rows - lane.rows
        cost = lane.window.cost
        return len(self._order) * cost.alpha + rows * cost.beta if rows else 0.0

    def work(self, lane: Lane, request: Request, executors: int) -> float:
        """Seconds until `request` would be answered in `lane`, from free executors."""
        rows = lane.ahead(request) + request.rows
        return self.others(lane, request) / executors + lane.window.duration(rows, executors)

    def duration(self) -> float:
        """Seconds of work that wait in all of them."""
        looked_at = [lane for _, _, lane in islice(self._order, LOOKED_AT)]
        seconds = sum(lane.window.duration(lane.rows) for lane in looked_at)
        return seconds * len(self._order) / (len(looked_at) or 1)

    def requests(self) -> Iterator[Request]:
        """Every request that waits."""
        return (request for _, _, lane in self._order for request in lane)

    def prune(self, now: float, drop: Drop) -> None:
        """Drop all requests that are over or expired."""
        for _, _, lane in list(self._order):
            lane.prune(now, drop)

    def clear(self) -> None:
        """Remove all requests; the costs are kept."""
        for _, _, lane in self._order:
            lane.clear()
            lane.is_listed = False
            self._put_away(lane)
        self._order.clear()

    def _put_away(self, lane: Lane) -> None:
        """Remember an empty lane, instead of the one that has been empty for longest."""
        self._empty[lane.key] = lane
        if len(self._empty) > KNOWN:
            forgotten = next(iter(self._empty))
            del self._empty[forgotten]
            self._by_key.pop(forgotten, None)
