"""Endpoint: a prediction route as plain ASGI: read, run the operation, answer."""

from ..dialects.reply import Reply
from ..errors import NotAllowed, Overloaded, RequestError
from ..manifests.manifest import Route
from ..models.operation import Call, Operation, Stream
from ..telemetry.trace_context import current
from .guarded import Guarded
from .request.body import Body
from .request.coding import read_plain
from .request.exchange import Exchange, Receive, Scope, Send, refusal
from .request.headers import content_type, seconds_allowed
from .request.queue_headers import QueueHeaders
from .shared_state import SharedState

_ALLOW = ((b"allow", b"POST"),)


class Endpoint(Guarded):
    """One prediction route."""

    def __init__(self, route: Route, shared: SharedState) -> None:
        super().__init__(shared)
        self.route = route
        self.operation: Operation | None = None  # None until it is loaded
        self._queue_headers = QueueHeaders(shared.settings.queue)

    async def __call__(
        self, exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer one request."""
        exchange.route = self.route.path
        await self.guard(exchange, scope, receive, send)

    async def _answer(
        self, exchange: Exchange, scope: Scope, body: Body, receive: Receive
    ) -> Reply:
        if exchange.method != "POST":
            raise NotAllowed(f"`{self.route.path}` takes POST, not {exchange.method}.")
        operation = self._open()
        headers = exchange.headers
        deadline = exchange.began + seconds_allowed(
            headers.get(b"x-request-timeout"), self._shared.settings.timeout
        )
        data = await read_plain(exchange, body, receive)
        call = Call(
            data,
            content_type(headers.get(b"content-type", b"")),
            headers.get(b"accept", b"").decode("latin-1"),
            deadline,
            priority=self._queue_headers.priority(headers),
            client=self._queue_headers.client(headers, (scope.get("client") or (None,))[0]),
            id=exchange.id,
            trace=current.get() or exchange.trace,
            headers=headers,
        )
        if call.trace is not None:
            current.set(call.trace)
        try:
            payload = await operation(call)
        finally:
            exchange.rows, exchange.request = call.rows, call.request
        if isinstance(payload, Stream):
            return Reply(payload.parts, content_type=payload.content_type)
        return Reply(payload.body, content_type=payload.content_type)

    def _open(self) -> Operation:
        readiness = self._shared.readiness
        if self.operation is not None and readiness.takes_requests:
            return self.operation
        self._shared.metrics.refused("draining" if readiness.is_draining else "starting")
        raise Overloaded(f"Not ready: {readiness.reason}.", retry_after=1)

    def _error(self, error: RequestError) -> Reply:
        return refusal(error, _ALLOW if isinstance(error, NotAllowed) else ())
