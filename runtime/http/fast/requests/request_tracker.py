"""RequestTracker: metrics, access log and traces of the fast path, as its answers see them."""

from collections.abc import Sequence
from typing import Any, Protocol

from ...request.ids import Ids
from .queued_reply import Calendar


class RequestTracker(Protocol):
    """Records requests when they arrive, and when they are answered."""

    ids: Ids
    date: Calendar

    def began(self, requests: int) -> None:
        """So many requests have come in."""

    def ended(self, requests: Sequence[Any], status: int, now: float) -> None:
        """These, of one route, were answered, or their clients have gone."""
