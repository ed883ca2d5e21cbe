"""Pipeline: the pending requests of one connection, answered in order."""

from typing import Generic, Protocol, TypeVar

from .queued_reply import QueuedReply


class PipelineConnection(Protocol):
    """The connection that answers are written to."""

    def write(self, data: bytes) -> None:
        """Send, if the connection is open."""

    def finish(self, data: bytes, now: float) -> None:
        """Send the last answer: no more requests wait."""


class Pipelined(Protocol):
    """A request that waits for its turn."""

    id: bytes
    reply: QueuedReply | None

    def abandon(self) -> None:
        """Give the request up, because the client has gone."""


class _Nobody:
    """An event without waiters, and the connection of a client that has gone."""

    def set(self) -> None:
        """Do nothing."""

    def write(self, data: bytes) -> None:
        """Do nothing."""

    def finish(self, data: bytes, now: float) -> None:
        """Do nothing."""


_NOBODY = _Nobody()
P = TypeVar("P", bound=Pipelined)


class Pipeline(Generic[P]):
    """Replaces uvicorn's request cycle while a connection is on the fast path.

    Answers may be ready in any order; they are written in the order of the requests.
    """

    __slots__ = ("disconnected", "is_closing", "more_body", "protocol", "waiting")

    response_started = False
    message_event = _NOBODY

    def __init__(self, protocol: PipelineConnection) -> None:
        self.protocol = protocol
        self.waiting: list[P] = []  # a few at most, mostly one: smaller than a deque
        self.more_body = False  # a head has arrived, and its body is incomplete
        self.is_closing = False  # the connection is closed after the last waiting request
        self.disconnected = False

    @property
    def response_complete(self) -> bool:
        """Whether all requests are answered."""
        return not self.waiting and not self.more_body

    @property
    def keep_alive(self) -> bool:
        """Whether the connection stays open after the last answer."""
        return not self.is_closing

    @keep_alive.setter
    def keep_alive(self, value: bool) -> None:
        if not value:
            self.is_closing = True

    def lose(self) -> None:
        """Forget all requests, because the client has gone, and the connection itself.

        It refers to this object: both would wait for the garbage collector, with all they hold.
        """
        self.waiting.clear()
        self.more_body = False
        self.disconnected = True
        self.protocol = _NOBODY

    def answered(self, now: float) -> None:
        """Write the replies that are ready, in the order of their requests."""
        waiting = self.waiting
        parts = []
        while waiting and (reply := waiting[0].reply) is not None:
            first = waiting.pop(0)
            parts.append(reply.encode(first.id, is_last=self.is_closing and not waiting))
        if not parts:
            return
        if waiting:
            self.protocol.write(b"".join(parts))
        else:
            self.protocol.finish(b"".join(parts), now)
