"""LimitedProtocol: uvicorn's httptools protocol, with deadlines and limits.

uvicorn has no time limit for headers and bodies, no limit of the number of headers, and accepts
requests without Host; the limits here are those of `LimitSettings`.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any

import httptools
import orjson
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from ...manifests.settings import LimitSettings
from ..backlog import Backlog
from ..guarded import ON_DISCONNECT
from ..shared_state import SharedState
from .closing import Closing
from .head import Head, RefusedHead, origin_form, without_upgrade
from .pipeline_flow import PipelineFlow, end_of_heads
from .unchunked import Unchunked
from .unread import SOON, has_unread

log = logging.getLogger(__name__)

_KEPT = (b"connection", b"keep-alive")
_CLOSING = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
SLOWEST = 1 << 16  # bytes per second; a body that arrives faster is never cut


class LimitedProtocol(HttpToolsProtocol):
    """One connection: absolute deadlines for headers and body, few headers, exactly one Host.

    `limited` creates the subclass for one server.
    """

    # uvicorn's attributes of a connection are a dict of 28 keys. Beyond 30, Python no longer shares
    # the keys between connections: a kilobyte more for each, and slower access.
    __slots__ = (
        "_answering",
        "_body",
        "_body_began",
        "_deadline",
        "_ends_line",
        "_extensions",
        "_farewell",
        "_frame",
        "_has_come",
        "_head",
        "_is_deaf",
        "_is_in_body",
        "_is_receiving",
        "_is_spared",
        "_leave",
        "_piece",
        "_refusal",
    )

    limits = LimitSettings()
    backlog: Backlog
    flow: PipelineFlow
    is_draining: Callable[[], bool]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._deadline: asyncio.TimerHandle | None = None  # of the headers or of the body
        self._is_spared = False  # past its deadline; data that arrived in time is read first
        self._refusal: RefusedHead | None = None
        self._farewell = b""  # the last answer, written after those of earlier requests
        self._leave: Callable[[], object] | None = None
        self._extensions = {ON_DISCONNECT: self._on_disconnect}
        self._is_receiving = False  # between the first byte of a request and its last
        self._is_in_body = False
        self._is_deaf = False  # no more requests are read on this connection
        self._head = 0  # bytes of the headers in earlier pieces
        self._ends_line = False  # whether the last of those pieces ends with a line end
        self._piece = 0  # bytes of the piece that is being parsed
        self._body = 0  # bytes of the body without its chunk framing
        self._body_began = 0.0  # on the loop's clock
        self._frame = 0  # consecutive bytes that were only framing
        self._has_come = False  # a request has ended in the piece that is being parsed
        self._answering: RequestResponseCycle | None = None

    # --- the connection ---

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the client until the deadline for its first headers."""
        super().connection_made(transport)
        self.flow = PipelineFlow(transport, self.pipeline)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed: stop its timers, and call the handler of the disconnect."""
        self._disarm()
        self._unset_keepalive_if_required()  # else its timer keeps this object alive
        self.backlog.forget(self.transport)
        leave, self._leave = self._leave, None
        super().connection_lost(exc)
        self._forget()
        self._extensions.clear()  # else only the garbage collector would free this object
        if leave is not None:
            leave()

    def data_received(self, data: bytes) -> None:
        """Parse the data, up to the limit of pipelined requests, and keep the rest as bytes."""
        start, size = 0, len(data)
        while start < size and not self._is_deaf and not self.transport.is_closing():
            if self.flow.is_full:
                self.flow.keep(data[start:])
                return
            begin, start = start, end_of_heads(data, start)
            self._parse_piece(data[begin:start])

    def _parse_piece(self, data: bytes) -> None:
        """Parse a piece, and set the deadline if a request is incomplete."""
        if not self._is_in_body and data.find(b"pgrade", 0, self.limits.max_header_bytes) >= 0:
            data = without_upgrade(data, begins_line=self._ends_line)
        self._piece = len(data)
        self._has_come = False
        scope, body = (self.scope, self._body) if self._is_in_body else (None, 0)
        super().data_received(data)
        if self.transport.is_closing() or self._is_deaf:
            return
        if not self._is_receiving:
            self._rest()
            return
        if not self._is_in_body:
            self._head += 0 if self._has_come else self._piece  # unless a request ended in it
            self._ends_line = data.endswith(b"\n")
            if self._head > self.limits.max_header_bytes:
                self._reject(431, "The headers are too large.")
                return
        elif scope is self.scope:
            self._frame = self._frame + self._piece if self._body == body else 0
            if self._frame > self.limits.max_header_bytes:
                self._reject(400, "The body is all chunk extensions and trailers.")
                return
        if self._deadline is None:
            self._arm()

    def _rest(self) -> None:
        """Set the keep-alive deadline between requests; blank lines do not extend it."""
        is_answered = self.cycle is None or self.cycle.response_complete
        if self._has_come:
            self._disarm()
            if is_answered and self.timeout_keep_alive_task is None:  # before its body had come
                self._await_next(self.timeout_keep_alive)
        elif self._deadline is None and is_answered:
            self._arm()

    def _await_next(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, unless a request is unread that arrived in time.

        Unread data does not count while reading is paused because the client does not read.
        """
        if has_unread(self.transport) and not self.flow.read_paused:
            self._await_next(SOON)
        else:
            super().timeout_keep_alive_handler()

    def hurry(self, seconds: float) -> None:
        """Limit the keep-alive timeout from now on."""
        self.timeout_keep_alive = min(self.timeout_keep_alive, seconds)  # type: ignore[assignment]
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self._await_next(self.timeout_keep_alive)

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        super().pause_writing()
        self.backlog.note(self.transport)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        self.backlog.forget(self.transport)

    # --- the parser's callbacks ---

    def on_message_begin(self) -> None:
        """Reset the counters of a request."""
        super().on_message_begin()
        self._is_receiving = True
        self._is_in_body = False
        self._head = self._body = self._frame = 0
        self._ends_line = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header; trailers are dropped, because they would look like headers."""
        if not self._is_in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check the headers, and start the request."""
        self._check_head()
        self._begin_cycle()

    def _begin_body(self) -> None:
        self._is_in_body = True
        self._body_began = self.loop.time()
        self._disarm()  # the body gets a deadline of its own

    def _begin_cycle(self) -> None:
        self._begin_body()
        super().on_headers_complete()
        if self.pipeline:
            self._read_on()  # to notice a disconnect
        else:
            self._answering = self.cycle
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]
        self.cycle.send = Closing(self.cycle)  # type: ignore[method-assign]
        if self.parser.get_http_version() == "1.0":
            self.cycle.send = Unchunked(self.cycle, _KEPT)  # type: ignore[method-assign]
        if self.is_draining():
            self.cycle.keep_alive = False
        elif self.keeps_old():
            self.cycle.keep_alive = True
            self.cycle.default_headers = [*self.cycle.default_headers, _KEPT]

    def keeps_old(self) -> bool:
        """Whether an HTTP/1.0 client asks for keep-alive, as `ab -k` does; it expects a header."""
        return bool(self.parser.get_http_version() == "1.0" and self.parser.should_keep_alive())

    def on_body(self, body: bytes) -> None:
        """Receive a part of the body."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Handle the end of a request."""
        self._end_body()
        super().on_message_complete()
        self._read_on()  # to notice when the client disconnects

    def _read_on(self) -> None:
        """Resume reading, unless the client does not read or many of its requests wait."""
        if self.flow.kept:
            self.loop.call_soon(self._parse_kept)
        elif not (self.flow.write_paused or self.transport.is_closing()):
            self.flow.resume_reading()

    def _parse_kept(self) -> None:
        if self.flow.kept and not self.flow.is_full:
            self.data_received(self.flow.give())
            self._read_on()

    def _end_body(self) -> None:
        self._is_receiving = self._is_in_body = False
        self._has_come = True
        self._disarm()  # also if no more requests are read

    def on_response_complete(self) -> None:
        """The answer is complete: forget the handler of the disconnect."""
        self._leave = None
        self._answering = self.pipeline[-1][0] if self.pipeline else None
        if self._farewell and not self.pipeline and not self.transport.is_closing():
            self._leave_with_it()
        super().on_response_complete()
        self._read_on()  # there is room for another request

    def _forget(self) -> None:
        """Give up all requests, because the client has gone."""
        for cycle in (self._answering, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()

    def _on_disconnect(self, leave: Callable[[], object]) -> None:
        self._leave = leave

    def _check_head(self) -> None:
        head = Head(self.headers, self.url, self.parser.get_http_version())
        is_long = self._head + self._piece > self.limits.max_header_bytes
        try:
            head.check(self.limits, is_long=is_long, is_upgrade=self.parser.should_upgrade())
            self.url = origin_form(self.url)
            if head.version == "1.0":  # HTTP/1.0 has no interim answers
                self.expect_100_continue = False
        except RefusedHead as refusal:
            # The parser wraps exceptions of its callbacks, so the refusal is kept here.
            self._refusal = refusal
            raise

    # --- deadlines ---

    def _arm(self) -> None:
        self._is_spared = False
        self._deadline = self.loop.call_later(self.limits.receive_timeout, self._expire)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if not self._is_spared and has_unread(self.transport):
            self._is_spared = True
            self._deadline = self.loop.call_later(SOON, self._expire)
            return
        if not self._is_receiving or self._is_answered():  # no request has begun, or it was refused
            self.transport.close()
        elif self._is_in_body and self._is_fast_enough():
            self._arm()
        else:
            self._reject(408, "The request took too long to arrive.")

    def _is_answered(self) -> bool:
        """Whether the request was answered before its body was received."""
        return self._is_in_body and self.cycle.response_complete

    def _is_fast_enough(self) -> bool:
        elapsed = self.loop.time() - self._body_began
        return self.flow.read_paused or self._body >= SLOWEST * elapsed

    # --- refusals ---

    def send_400_response(self, msg: str) -> None:
        """Answer a request that cannot be parsed."""
        refusal, self._refusal = self._refusal, None
        error = sys.exception()
        if refusal is not None:
            self._reject(refusal.status, refusal.detail)
        elif _is_ours(error):
            log.error("A request could not be taken.", exc_info=error)
            self._reject(500, "The server failed.")
        else:
            self._reject(400, msg)

    def _reject(self, status: int, detail: str) -> None:
        """Answer with an error and close, after the answers to earlier requests."""
        self._is_deaf = True
        self._disarm()
        cycle = self.cycle
        if self._is_answered():
            self.transport.close()
            return
        body = orjson.dumps({"error": detail})
        self._farewell = STATUS_LINE[status] + _CLOSING % len(body) + body
        if cycle is not None and not cycle.response_complete:
            if self._is_behind(cycle):
                return
            if cycle.response_started:
                self.transport.abort()
                return
        self._leave_with_it()

    def _is_behind(self, cycle: RequestResponseCycle) -> bool:
        """Whether earlier requests wait for their answers before this one can be refused."""
        if cycle.more_body and self.pipeline:  # its handler has not been started
            self.pipeline.popleft()
            return True
        return not cycle.more_body

    def _leave_with_it(self) -> None:
        self.transport.write(self._farewell)
        self.transport.close()


def _is_ours(error: BaseException | None) -> bool:
    """Whether a parser stopped because of an error in our callbacks."""
    return isinstance(error, httptools.HttpParserCallbackError) and not isinstance(
        error.__context__, httptools.HttpParserError
    )


def limited(shared: SharedState, is_draining: Callable[[], bool]) -> type[LimitedProtocol]:
    """The protocol class for a server; uvicorn expects a class."""
    attributes = {
        "limits": shared.settings.limits,
        "backlog": shared.backlog,
        "is_draining": staticmethod(is_draining),
    }
    return type("ServerProtocol", (LimitedProtocol,), attributes)
