"""Responder: a Group that can also refuse requests."""

from collections.abc import Sequence
from typing import Any, Protocol

from ....batching.request import Group
from ....errors import RequestError


class Responder(Group, Protocol):
    """A Group that also knows how to refuse; `RouteResponder` is one."""

    def left(self, rows: int) -> None:
        """So many rows that were queued wait no more."""

    def refuse(self, requests: Sequence[Any], error: RequestError) -> None:
        """Tell all of them what went wrong."""

    def fail(self, request: Any, error: Exception) -> None:
        """Log an unexpected error; its client is only told that the prediction failed."""
