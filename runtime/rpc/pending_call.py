"""PendingCall: a call to a service process that was not answered yet."""

import asyncio
from typing import TYPE_CHECKING, Any

from ..data.payload import Payload
from ..errors import RequestError
from ..models.operation import Call, Stream
from ..services.headers import as_text

if TYPE_CHECKING:
    from .remote_stream import RemoteStream


class PendingCall:
    """A call, and the future of its answer.

    route          index of its route
    is_idempotent  whether it may run a second time
    number         on the connection, 0 before it is sent
    sent           seconds on the monotonic clock
    is_retried     whether a process has died during the call before
    """

    __slots__ = (
        "answer", "call", "is_idempotent", "is_retried", "number", "parts", "route", "sent",
    )  # fmt: skip

    def __init__(self, route: int, call: Call, *, is_idempotent: bool) -> None:
        self.route = route
        self.call = call
        self.is_idempotent = is_idempotent
        self.answer: asyncio.Future[Payload | Stream] = asyncio.get_running_loop().create_future()
        self.parts: RemoteStream | None = None  # once it streams
        self.number = 0
        self.sent = 0.0
        self.is_retried = False

    @property
    def is_over(self) -> bool:
        """Whether the call has been answered or cancelled, or streams already."""
        return self.answer.done()

    def succeed(self, answer: Payload | Stream) -> None:
        """Hand over the answer."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: RequestError) -> None:
        """Fail the call, or the rest of its stream."""
        if self.parts is not None:
            self.parts.end(error)
        elif not self.answer.done():
            self.answer.set_exception(error)

    def head(self, seconds: float) -> list[Any]:
        """The head of its frame."""
        call, client = self.call, self.call.client
        known = client.decode("latin-1") if isinstance(client, bytes) else client
        return [
            self.route, call.content_type, call.accept, seconds, call.priority, known,
            call.id.decode("latin-1"), None if call.trace is None else call.trace.headers(),
            None if call.headers is None else as_text(call.headers),
        ]  # fmt: skip
