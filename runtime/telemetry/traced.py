"""Traced: the interface between requests and tracing."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from .trace_context import TraceContext

if TYPE_CHECKING:
    from ..batching.request import Request


class TracedRequest(Protocol):
    """One request, as a span and the access log describe it."""

    began: float  # on the monotonic clock
    id: bytes
    rows: int
    sent: int
    status: int
    trace: TraceContext | None

    @property
    def method(self) -> str:
        """The request's."""

    @property
    def path(self) -> str:
        """The request's, decoded."""

    @property
    def received(self) -> int:
        """Bytes of the body."""


class Tracing(Protocol):
    """Receives requests, while they are answered or after."""

    def around(self, traced: TracedRequest) -> AbstractContextManager["Ending"]:
        """A span while a request is answered: code that runs meanwhile is part of it."""

    def ended(self, traced: TracedRequest, request: "Request", route: str, now: float) -> None:
        """A request was answered `now`, on the monotonic clock."""

    def stop(self) -> None:
        """Export the remaining spans. May take as long as the receiver."""


class Ending(Protocol):
    """The data at the end of a request: its route, and its request in the batcher."""

    route: str
    queued: "Request | None"
