"""Pipeline: the pending requests of one connection, answered in order."""

from typing import Generic, Protocol, TypeVar

from .queued_reply import QueuedReply


class PipelineConnection(Protocol):
    """The connection that answers are written to."""

    def write(self, data: bytes) -> None:
        """Send, if the connection is open."""

    def on_all_answered(self, now: float) -> None:
        """All requests have been answered."""


class Pipelined(Protocol):
    """A request that waits for its turn."""

    id: bytes
    reply: QueuedReply | None

    def abandon(self) -> None:
        """The client has gone: give the request up."""


class _Nobody:
    """An event without waiters."""

    def set(self) -> None:
        """Nothing happens."""


_NOBODY = _Nobody()
P = TypeVar("P", bound=Pipelined)


class Pipeline(Generic[P]):
    """Replaces uvicorn's request cycle while a connection is on the fast path.

    Answers may be ready in any order; they are written in that of their requests.
    """

    __slots__ = ("disconnected", "is_closing", "more_body", "protocol", "waiting")

    response_started = False
    message_event = _NOBODY

    def __init__(self, protocol: PipelineConnection) -> None:
        self.protocol = protocol
        self.waiting: list[P] = []  # a few at most, and mostly one: a deque has 64 places
        self.more_body = False  # a request's head has come, and not yet all of its body
        self.is_closing = False  # the connection ends with the last of those that wait
        self.disconnected = False

    @property
    def response_complete(self) -> bool:
        """Whether nothing is left to be answered."""
        return not self.waiting and not self.more_body

    @property
    def keep_alive(self) -> bool:
        """Whether the connection lives on after the last answer."""
        return not self.is_closing

    @keep_alive.setter
    def keep_alive(self, value: bool) -> None:
        if not value:
            self.is_closing = True

    def answered(self, now: float) -> None:
        """Write the replies that are there, as far as it is their turn."""
        waiting = self.waiting
        parts = []
        while waiting and (reply := waiting[0].reply) is not None:
            first = waiting.pop(0)
            parts.append(reply.encode(first.id, is_last=self.is_closing and not waiting))
        if parts:
            self.protocol.write(b"".join(parts))
            if not waiting:
                self.protocol.on_all_answered(now)
