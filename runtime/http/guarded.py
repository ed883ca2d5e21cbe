"""Guarded: error handling, logging and metrics that all endpoints share."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from typing import Any, TypeVar

from ..dialects.reply import Reply
from ..errors import ClientGone, Overloaded, PredictionFailed, RequestError
from ..models.operation import Call
from ..telemetry.trace_context import current
from .request import timing
from .request.body import Body
from .request.coding import read_plain
from .request.exchange import Exchange, Receive, Scope, Send, named
from .request.headers import content_type, seconds_allowed
from .request.queue_headers import QueueHeaders
from .shared_state import SharedState

C = TypeVar("C", bound=Call)
log = logging.getLogger(__name__)

ON_DISCONNECT = "modelbundle.on_disconnect"
"""Key of the scope's extensions: a function to register a callback for the disconnect."""


class Guarded(ABC):
    """Answers one request; unexpected errors are logged and not shown to the client."""

    def __init__(self, shared: SharedState) -> None:
        self._shared = shared
        self._settings = shared.settings
        self._queue_headers = QueueHeaders(shared.settings.queue)

    @abstractmethod
    async def _answer(
        self, exchange: Exchange, scope: Scope, body: Body, receive: Receive
    ) -> Reply:
        """The answer.

        Raises:
            RequestError: for everything that the client may know.
        """

    @abstractmethod
    def refusal(self, error: RequestError) -> Reply:
        """The answer for an error."""

    async def _read(
        self,
        exchange: Exchange,
        scope: Scope,
        body: Body,
        receive: Receive,
        make: type[C],
        **more: Any,
    ) -> C:
        """Read the body and the headers of a request.

        Raises:
            RequestError: for a refused body, or an invalid header.
        """
        headers = exchange.headers
        seconds = seconds_allowed(headers.get(b"x-request-timeout"), self._settings.timeout)
        data = await read_plain(exchange, body, receive)
        return make(
            data,
            content_type(headers.get(b"content-type", b"")),
            headers.get(b"accept", b"").decode("latin-1"),
            exchange.began + seconds,
            self._queue_headers.priority(headers),
            self._queue_headers.client(headers, (scope.get("client") or (None,))[0]),
            exchange.id,
            current.get() or exchange.trace,
            headers=headers,
            **more,
        )

    async def guard(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        _watch(scope, exchange)
        body = Body(self._settings.max_body, self._shared.budget)
        try:
            reply = await self._answer(exchange, scope, body, receive)
            await exchange.answer(self._timed(reply, exchange), send)
        except RequestError as error:
            if exchange.status:  # as below
                raise
            await self._refuse(exchange, error, send)
        except asyncio.CancelledError:
            if exchange.status and not exchange.is_gone:
                raise
            _go_on()
            if exchange.is_gone:
                exchange.status = ClientGone.status
            else:  # drained for too long
                ends = Overloaded("The server is shutting down.", retry_after=1)
                await self._refuse(exchange, ends, send)
        except Exception:
            log.exception("%s failed.", exchange.route or exchange.path, extra=named(exchange))
            if exchange.status:  # too late for another answer: the connection is closed
                raise
            await self._refuse(exchange, PredictionFailed(), send)
        finally:
            body.release()

    async def _refuse(self, exchange: Exchange, error: RequestError, send: Send) -> None:
        if isinstance(error, ClientGone):
            exchange.status = error.status
            return
        await exchange.answer(self._timed(self.refusal(error), exchange), send)

    def _timed(self, reply: Reply, exchange: Exchange) -> Reply:
        """Add the timing headers that the client asks for."""
        if not timing.is_wanted(self._settings, exchange.headers):
            return reply
        now = time.monotonic()
        return reply.with_headers(timing.lines(exchange.queued, exchange.began, now))


def _watch(scope: Scope, exchange: Exchange) -> None:
    """Cancel this request when its client disconnects; a callback is cheaper than a task."""
    register = scope.get("extensions", {}).get(ON_DISCONNECT)
    task = asyncio.current_task()
    if register is None or task is None:
        return

    def leave() -> None:
        exchange.is_gone = True
        task.cancel()

    register(leave)


def _go_on() -> None:
    """Have the task end normally after our own cancellation."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
