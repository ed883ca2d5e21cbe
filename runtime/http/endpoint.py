"""Endpoint: a prediction route as an ASGI endpoint: read, run the operation, answer."""

from ..dialects.reply import Reply
from ..errors import NotAllowed, Overloaded, RequestError
from ..manifests.route import Route
from ..models.operation import Call, Operation, Stream
from ..telemetry.trace_context import current
from .guarded import Guarded
from .request.body import Body
from .request.exchange import Exchange, Receive, Scope, Send, refusal
from .shared_state import SharedState

_ALLOW = ((b"allow", b"POST"),)


class Endpoint(Guarded):
    """One prediction route."""

    def __init__(self, route: Route, shared: SharedState) -> None:
        super().__init__(shared)
        self.route = route
        self.operation: Operation | None = None  # None until it is loaded

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
        call = await self._read(exchange, scope, body, receive, Call)
        if call.trace is not None:
            current.set(call.trace)
        try:
            payload = await operation(call)
        finally:
            exchange.rows, exchange.queued = call.rows, call.queued
        if isinstance(payload, Stream):
            return Reply(payload.parts, content_type=payload.content_type)
        return Reply(payload.body, content_type=payload.content_type)

    def _open(self) -> Operation:
        readiness = self._shared.readiness
        if self.operation is not None and readiness.takes_requests:
            return self.operation
        self._shared.metrics.refused("draining" if readiness.is_draining else "starting")
        raise Overloaded(f"Not ready: {readiness.reason}.", retry_after=1)

    def refusal(self, error: RequestError) -> Reply:
        """The answer for an error; one about the method names the right one."""
        return refusal(error, _ALLOW if isinstance(error, NotAllowed) else ())
