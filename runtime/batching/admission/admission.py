"""Admission: decides whether a request may wait, before anything is spent on it."""

from math import inf

from ...errors import DeadlineExceeded, Overloaded
from ..batch.slots import Slots
from ..lanes.lane import Lane
from ..lanes.lanes import Lanes
from ..observer import BatchObserver, Refusal
from ..policy.window import HEADROOM, Limits
from ..request import Request
from .patience import Patience


class Admission:
    """Refuses requests when the queue is full or their answer would come too late.

    patience   estimates how long clients wait
    """

    __slots__ = ("_lanes", "_limits", "_observer", "_slots", "patience")

    def __init__(self, limits: Limits, lanes: Lanes, slots: Slots, observer: BatchObserver) -> None:
        self._limits = limits
        self._lanes = lanes
        self._slots = slots
        self._observer = observer
        self.patience = Patience()

    def has_room(self, rows: int, size: int) -> bool:
        """Whether the queue has room for so many rows; an empty queue always has."""
        backlog, limits = self._lanes.backlog, self._limits
        return not backlog.rows or (
            backlog.rows + rows <= limits.max_queue_rows
            and backlog.bytes + size <= limits.max_queue_bytes
        )

    def is_plain(self, lane: Lane, rows: int, size: int, deadline: float, now: float) -> bool:
        """Whether `rows` that arrive together, the first due at `deadline`, are surely not refused.

        It may be False although none of them would be refused.
        """
        backlog, limits = self._lanes.backlog, self._limits
        waiting = backlog.rows + rows
        slack = min(deadline - now, self.patience.limit(now))
        time = HEADROOM * slack - self._slots.remaining(now)
        return (
            backlog.rows == lane.rows
            and waiting <= limits.max_queue_rows
            and backlog.bytes + size <= limits.max_queue_bytes
            and lane.window.is_soon(waiting, time)
        )

    def refuse_full(self, rows: int, now: float) -> Overloaded:
        """The error for a request that finds the queue full."""
        over = self._lanes.backlog.rows + rows > self._limits.max_queue_rows
        return self.refused("rows" if over else "bytes", "The queue is full.", self.wait(now))

    def check(self, lane: Lane, request: Request, now: float) -> None:
        """Refuse a request whose turn is predicted to come too late.

        Raises:
            Overloaded: it would wait for more than `HEADROOM` of its time.
            DeadlineExceeded: its deadline has passed.
        """
        slack = request.deadline - now
        if slack == self.patience.limit(now) == inf:
            return
        if slack <= 0.0:
            self._observer.refused("expired")
            raise DeadlineExceeded("The deadline has passed before the request arrived.")
        slack = min(slack, self.patience.limit(now))
        window, backlog = lane.window, self._lanes.backlog
        ahead = max(0.0, self._slots.until - now)
        is_alone = self._lanes.is_by_age and backlog.rows == lane.rows
        # Nearly always there is time enough for far more than what waits.
        if is_alone and window.is_soon(lane.rows + request.rows, HEADROOM * slack - ahead):
            return
        if self._slots.idle and not backlog.rows:
            return  # a lone request is always tried, whatever the predictions
        wait = ahead + self._lanes.work(lane, request, self._slots.width)
        if not window.admits(wait, slack):
            raise self.refused("wait", "The queue is too long for the deadline.", wait)

    def overloaded(self, now: float) -> Overloaded:
        """The answer for a request that is given up for the sake of others; counted."""
        return self.refused("overload", "The server is overloaded.", self.wait(now))

    def wait(self, now: float) -> float:
        """Seconds until all that is here now will have been answered."""
        return self._slots.remaining(now) + self._lanes.duration() / self._slots.width

    def refused(self, reason: Refusal, detail: str, retry_after: float) -> Overloaded:
        """The answer for a request that is refused; counted."""
        self._observer.refused(reason)
        return Overloaded(detail, retry_after=retry_after)
