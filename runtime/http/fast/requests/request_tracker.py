"""RequestTracker: metrics, access log and traces of the fast path, as its answers see them."""

from collections.abc import Sequence
from typing import Any, Protocol

from ...request.ids import Ids
from .queued_reply import DateCache


class RequestTracker(Protocol):
    """Records requests when they arrive, and when they are answered."""

    ids: Ids
    date: DateCache

    def began(self, requests: int) -> None:
        """Count `requests` that have arrived."""

    def ended(self, requests: Sequence[Any], status: int, now: float) -> None:
        """Record the end of requests of one route: answered, or given up by their clients."""
