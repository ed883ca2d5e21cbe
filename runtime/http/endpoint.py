"""Endpoint: a prediction route as plain ASGI: read, run the operation, answer, whatever happens."""

import asyncio
import logging
import time

from ..errors import (
    ClientGone,
    NotAllowed,
    Overloaded,
    PredictionFailed,
    RequestError,
)
from ..manifest import Route
from ..models.operation import Call, Operation, Stream
from ..telemetry.trace_context import current
from . import timing
from .body import Body
from .door import Door
from .exchange import Answer, Exchange, Receive, Scope, Send, named
from .request_headers import check_coding, content_type, seconds_allowed
from .standing import Standing

log = logging.getLogger(__name__)

ON_DISCONNECT = "modelbundle.on_disconnect"
"""Key of the scope's extensions: a function that takes what to call when the client goes."""

_ALLOW = ((b"allow", b"POST"),)


class Endpoint:
    """One prediction route."""

    def __init__(self, route: Route, door: Door) -> None:
        self.route = route
        self.operation: Operation | None = None  # None until it is loaded
        self._door = door
        self._standing = Standing(door.settings.queue)
        self._settings = door.settings

    async def __call__(
        self, exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer one request, and reveal nothing that the client cannot mend."""
        exchange.route = self.route.path
        _watch(scope, exchange)
        body = Body(self._door.settings.max_body, self._door.budget)
        try:
            answer = await self._answer(exchange, scope, body, receive)
            await exchange.answer(self._timed(answer, exchange), send)
        except RequestError as error:
            await self._refuse(exchange, error, send)
        except asyncio.CancelledError:
            if not exchange.is_gone:
                exchange.status = exchange.status or Overloaded.status  # drained for too long
                raise
            _forgive(exchange)
        except Exception:
            log.exception("%s failed.", self.route.path, extra=named(exchange))
            if exchange.status:  # too late for another answer: the connection is closed
                raise
            await self._refuse(exchange, PredictionFailed(), send)
        finally:
            body.release()

    async def _answer(
        self, exchange: Exchange, scope: Scope, body: Body, receive: Receive
    ) -> Answer:
        if exchange.method != "POST":
            raise NotAllowed(f"`{self.route.path}` takes POST, not {exchange.method}.")
        operation = self._open()
        headers = exchange.headers
        check_coding(headers.get(b"content-encoding"))
        deadline = exchange.began + seconds_allowed(
            headers.get(b"x-request-timeout"), self._door.settings.timeout
        )
        data = await body.read(receive, headers.get(b"content-length"))
        exchange.received = len(data)
        call = Call(
            data,
            content_type(headers.get(b"content-type", b"")),
            headers.get(b"accept", b"").decode("latin-1"),
            deadline,
            priority=self._standing.priority(headers),
            client=self._standing.client(headers, (scope.get("client") or (None,))[0]),
            id=exchange.id,
            trace=current.get() or exchange.trace,
        )
        if call.trace is not None:
            current.set(call.trace)
        try:
            payload = await operation(call)
        finally:
            exchange.rows, exchange.request = call.rows, call.request
        if isinstance(payload, Stream):
            return Answer(200, payload.parts, payload.content_type)
        return Answer(200, payload.body, payload.content_type)

    def _open(self) -> Operation:
        readiness = self._door.readiness
        if self.operation is not None and readiness.takes_requests:
            return self.operation
        self._door.metrics.refused("draining" if readiness.is_draining else "starting")
        raise Overloaded(f"Not ready: {readiness.reason}.", retry_after=1)

    async def _refuse(self, exchange: Exchange, error: RequestError, send: Send) -> None:
        if isinstance(error, ClientGone):
            exchange.status = error.status
            return
        allow = _ALLOW if isinstance(error, NotAllowed) else ()
        await exchange.answer(self._timed(Answer.error(error, allow), exchange), send)

    def _timed(self, answer: Answer, exchange: Exchange) -> Answer:
        """With what the client wants to know of the time that it took."""
        if not timing.is_asked(self._settings, exchange.headers):
            return answer
        now = time.monotonic()
        return answer.with_headers(timing.lines(exchange.request, exchange.began, now))


def _watch(scope: Scope, exchange: Exchange) -> None:
    """Cancel this request when its client goes: a callback, not one more task a request."""
    register = scope.get("extensions", {}).get(ON_DISCONNECT)
    task = asyncio.current_task()
    if register is None or task is None:
        return

    def leave() -> None:
        exchange.is_gone = True
        task.cancel()

    register(leave)


def _forgive(exchange: Exchange) -> None:
    """The cancellation was ours: the task ends as if nothing had happened."""
    exchange.status = ClientGone.status
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
