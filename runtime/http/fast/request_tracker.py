"""RequestTracker: what the fast path knows of its requests, as those who answer them see it."""

from collections.abc import Sequence
from typing import Any, Protocol

from ..request.ids import Ids
from .queued_reply import Calendar


class RequestTracker(Protocol):
    """Where requests are entered when they come, and when they are answered."""

    ids: Ids
    date: Calendar

    def began(self, requests: int) -> None:
        """So many requests have come in."""

    def ended(self, requests: Sequence[Any], status: int, now: float) -> None:
        """These, of one route, were answered, or their clients have gone."""
