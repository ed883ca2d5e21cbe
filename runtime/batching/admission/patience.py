"""Patience: estimates how long clients wait before they give up."""

from collections.abc import Sequence
from math import inf

from ..request import Request

RECENT = 1 / 8  # weight of a new batch in the averages
MANY = 0.5  # share of clients that leave during a batch, above which the estimate is used
LONG = 2.0  # times as long as its batch took, and a request has waited for long
MEMORY = 60.0  # seconds for which it is remembered


class Patience:
    """Learns from the batches whose clients left while they ran.

    If the queue is longer than clients wait, each batch consists of requests that are about to be
    cancelled, and its work is wasted. The time that these clients had waited when the batch began
    is taken as their patience; the queue is kept shorter than that.
    """

    __slots__ = ("_lost", "_seconds", "_seen")

    def __init__(self) -> None:
        self._lost = 0.0  # share of requests that were answered too late for their clients
        self._seconds = inf
        self._seen = -inf  # when that was updated last

    def note(self, requests: Sequence[Request], began: float, now: float) -> None:
        """A batch of `requests` that `began` then has been run."""
        long = LONG * (now - began)
        waits = [began - request.arrived for request in requests if request.is_abandoned]
        left = [wait for wait in waits if wait > long]
        if not left and not self._lost:
            return
        self._lost += RECENT * (len(left) / len(requests) - self._lost)
        if left and self._lost > MANY:
            if now - self._seen > MEMORY:
                self._seconds = max(left)
            self._seconds += RECENT * (max(left) - self._seconds)
            self._seen = now

    def limit(self, now: float) -> float:
        """Seconds that a client may be expected to wait."""
        return self._seconds if now - self._seen <= MEMORY else inf
