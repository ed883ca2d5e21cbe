"""Exchange: one request and its answer, as the access log and the metrics see them."""

import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from ...dialects.reply import Headers, Reply, error_headers
from ...errors import RequestError
from ...printable import printable
from ...telemetry.trace_context import TraceContext
from .headers import CODING, content_coding
from .identity import Identity

if TYPE_CHECKING:
    from ...batching.request import Request

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def refusal(error: RequestError, headers: Headers = ()) -> Reply:
    """The answer of the bundle's own routes to `error`."""
    # It may contain anything that a client sent: half a surrogate pair, terminal sequences.
    body = orjson.dumps({"error": printable(error.detail)})
    return Reply(body, error.status, headers=(*headers, *error_headers(error)))


class Named(Protocol):
    """The names of a request in the log."""

    id: bytes
    trace: TraceContext | None


def named(request: Named) -> dict[str, str]:
    """How the log calls a request, and the trace that it is part of: `extra` of a record."""
    names = {"id": request.id.decode()}
    if request.trace is not None:
        names["trace"] = request.trace.trace_id.decode()
    return names


class Exchange:
    """The state of one request and its answer, for the log and the metrics.

    `id` is the client's own X-Request-Id if that is valid, else a new one.
    """

    __slots__ = (
        "began", "headers", "id", "is_gone", "method", "path", "queued", "received", "route",
        "rows", "sent", "status", "trace",
    )  # fmt: skip

    def __init__(self, scope: Scope) -> None:
        self.began = time.monotonic()
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        coding = content_coding(self.headers, scope["headers"])
        if coding is not None:
            self.headers[CODING] = coding
        own = Identity.of(self.headers, scope["headers"])
        self.id = own.id or secrets.token_hex(8).encode()
        self.trace: TraceContext | None = own.trace
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.route = ""  # path of the prediction route, or ""
        self.status = 0
        self.rows = 0
        self.received = 0  # bytes of the body
        self.sent = 0  # bytes of the answer's body
        self.is_gone = False  # the client is
        self.queued: Request | None = None  # in the batcher, if it got there

    async def answer(self, reply: Reply, send: Send) -> None:
        """Send all of `reply`."""
        self.status = reply.status
        if not isinstance(reply.body, bytes):
            await self._stream(reply, reply.body, send)
            return
        self.sent = len(reply.body)
        headers = [
            (b"content-type", reply.content_type.encode()),
            (b"content-length", b"%d" % self.sent),
            (b"x-request-id", self.id),
            *reply.headers,
        ]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _stream(self, reply: Reply, parts: AsyncGenerator[bytes, None], send: Send) -> None:
        headers = [
            (b"content-type", reply.content_type.encode()),
            (b"x-request-id", self.id),
            *reply.headers,
        ]
        async with aclosing(parts):  # when the client disconnects, not at garbage collection
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            async for part in parts:
                self.sent += len(part)
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def watching(self, send: Send) -> Send:
        """A `send` for other applications: notes the status and adds the request's id."""

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", self.id)]
            elif message["type"] == "http.response.body":
                self.sent += len(message.get("body", b""))
            await send(message)

        return watched

    @property
    def seconds(self) -> float:
        """Time since it began."""
        return time.monotonic() - self.began
