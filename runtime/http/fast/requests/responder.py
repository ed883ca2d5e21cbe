"""Responder: a Group that can also refuse requests."""

from collections.abc import Sequence
from typing import Any, Protocol

from ....batching.request import Group
from ....errors import RequestError


class Responder(Group, Protocol):
    """A Group that can also refuse requests; `RouteResponder` is one."""

    def left(self, rows: int) -> None:
        """Count `rows` that are no longer queued."""

    def refuse(self, requests: Sequence[Any], error: RequestError) -> None:
        """Answer all of them with an error."""

    def fail(self, request: Any, error: Exception) -> None:
        """Log an unexpected error, and answer 500 without its details."""
