"""FastRequest: a prediction without an asyncio task, an ASGI scope or a future."""

import time
from typing import TYPE_CHECKING, Any

from ....batching.request import Request
from ....errors import RequestError

if TYPE_CHECKING:
    from ....dialects.prediction_codec import DecodedRequest
    from ....telemetry.trace_context import TraceContext
    from ...request.identity import Identity
    from .pipeline import Pipeline
    from .plain_head import PlainHead
    from .queued_reply import QueuedReply
    from .responder import Responder


class FastRequest(Request):
    """One request from its last byte to the bytes of its answer.

    body       a view of it where much of it is numbers: see `PlainHead.numbers_at`
    began      seconds on the monotonic clock
    decoded    the request as its dialect decoded it
    sent       bytes of the answer's body
    """

    __slots__ = (
        "began",
        "body",
        "decoded",
        "group",
        "head",
        "id",
        "pipeline",
        "reply",
        "sent",
        "status",
        "trace",
    )  # fmt: skip

    method = "POST"
    group: "Responder"
    decoded: "DecodedRequest"

    def __init__(
        self, pipeline: "Pipeline[FastRequest]", head: "PlainHead", body: bytes, own: "Identity"
    ) -> None:
        began = time.monotonic()
        super().__init__(None, 0, head.length, began + head.seconds, head.priority, head.client)
        self.pipeline = pipeline
        self.head = head
        self.body = body
        self.began = began
        self.id = own.id or head.intake.tracker.ids.next()
        self.trace: TraceContext | None = own.trace
        self.group = head.intake.answers
        self.sent = 0
        self.status = 0
        self.reply: QueuedReply | None = None

    def abandon(self) -> None:
        """The client has left."""
        super().abandon()
        self.head.intake.forget(self)

    @property
    def received(self) -> int:
        """Bytes of the body."""
        return self.head.length

    @property
    def path(self) -> str:
        """The request's."""
        return self.head.intake.path

    def succeed(self, output: Any) -> None:
        """The model's answer for exactly these rows."""
        self.group.answer([self], output, [0, self.rows])

    def fail(self, error: RequestError) -> None:
        """There will be no answer, and why."""
        self.group.refuse([self], error)
