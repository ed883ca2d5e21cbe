"""LimitedProtocol: uvicorn's httptools protocol, with deadlines and limits.

uvicorn never cuts a client that sends one byte a minute, nor one that never stops sending headers,
and takes requests without Host; `LimitSettings` says what is allowed here.
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
from .head import Head, RefusedHead, origin_form, without_upgrade
from .pipeline_flow import PipelineFlow, end_of_heads
from .unchunked import Unchunked
from .unread import SOON, has_unread

log = logging.getLogger(__name__)

_KEPT = (b"connection", b"keep-alive")
_CLOSING = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
SLOWEST = 1 << 16  # bytes a second; a body that comes faster than this is not cut


class LimitedProtocol(HttpToolsProtocol):
    """One connection: absolute deadlines for headers and body, few headers, exactly one Host.

    `limited` makes the class for one server out of this one.
    """

    # What uvicorn keeps for a connection is a dict of 28 keys. Beyond 30, Python's would no longer
    # share them with each other: a kilobyte more, and slower to look into.
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
        "_patience",
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
        self._deadline: asyncio.TimerHandle | None = None  # for what is being received
        self._is_spared = False  # it is past its deadline, and what came in time is read first
        self._patience: asyncio.TimerHandle | None = None  # with a client that does not read
        self._refusal: RefusedHead | None = None
        self._farewell = b""  # what is said last, once all else is answered
        self._leave: Callable[[], object] | None = None
        self._extensions = {ON_DISCONNECT: self._on_disconnect}
        self._is_receiving = False  # between the first byte of a request and its last
        self._is_in_body = False
        self._is_deaf = False  # the connection ends with the answer that is under way
        self._head = 0  # bytes of headers that came in earlier pieces
        self._ends_line = False  # the last of those pieces
        self._piece = 0  # bytes of the piece that is being parsed
        self._body = 0  # bytes of the body, without what only frames it
        self._body_began = 0.0  # on the loop's clock
        self._frame = 0  # bytes in a row that only framed the body
        self._has_come = False  # a request has, whole, in the piece that is being parsed
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
        self._stop_patience()
        self._unset_keepalive_if_required()  # which would keep all of this for more than a minute
        self.backlog.forget(self.transport)
        leave, self._leave = self._leave, None
        super().connection_lost(exc)
        self._forget()
        if leave is not None:
            leave()

    def data_received(self, data: bytes) -> None:
        """Parse what has come, as far as so many requests may wait, and keep the rest as bytes."""
        start, size = 0, len(data)
        while start < size and not self._is_deaf and not self.transport.is_closing():
            if self.flow.is_full:
                self.flow.keep(data[start:])
                return
            begin, start = start, end_of_heads(data, start)
            self._parse_piece(data[begin:start])

    def _parse_piece(self, data: bytes) -> None:
        """Parse a piece, and hold the client to its deadline only where more must come."""
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
            self._head += 0 if self._has_come else self._piece  # which began with another request
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
        if self._has_come:
            self._disarm()
        elif self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._arm()

    def timeout_keep_alive_handler(self) -> None:
        """Close what has been idle for long, unless a request lies there that came in time.

        It is no excuse where nothing is read because the client does not read either.
        """
        if has_unread(self.transport) and not self.flow.read_paused:
            handle = self.loop.call_later(SOON, self.timeout_keep_alive_handler)
            self.timeout_keep_alive_task = handle
        else:
            super().timeout_keep_alive_handler()

    def hurry(self, seconds: float) -> None:
        """Be idle for no longer than this from now on."""
        self.timeout_keep_alive = min(self.timeout_keep_alive, seconds)  # type: ignore[assignment]
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            handle = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
            self.timeout_keep_alive_task = handle

    def pause_writing(self) -> None:
        """Give a client that does not read as long as one that does not write."""
        super().pause_writing()
        self.backlog.note(self.transport)
        if self._patience is None:
            seconds = 3 * self.limits.receive_timeout
            self._patience = self.loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        self.backlog.forget(self.transport)
        self._stop_patience()

    # --- the parser's callbacks ---

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._is_receiving = True
        self._is_in_body = False
        self._head = self._body = self._frame = 0
        self._ends_line = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; a trailer would stand among the headers as if it had come in time."""
        if not self._is_in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check what no application will."""
        self._check_head()
        self._begin_cycle()

    def _begin_body(self) -> None:
        self._is_in_body = True
        self._body_began = self.loop.time()
        self._disarm()  # the body has a deadline of its own

    def _begin_cycle(self) -> None:
        self._begin_body()
        super().on_headers_complete()
        if self.pipeline:
            self._read_on()  # uvicorn does not, and would not see the client leave
        else:
            self._answering = self.cycle
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]
        if self.parser.get_http_version() == "1.0":
            self.cycle.send = Unchunked(self.cycle, _KEPT)  # type: ignore[method-assign]
        if self.is_draining():
            self.cycle.keep_alive = False
        elif self.keeps_old():
            self.cycle.keep_alive = True
            self.cycle.default_headers = [*self.cycle.default_headers, _KEPT]

    def keeps_old(self) -> bool:
        """Whether a client of HTTP/1.0 wishes to go on: `ab -k` does, and waits to be told so."""
        return bool(self.parser.get_http_version() == "1.0" and self.parser.should_keep_alive())

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request has come in whole."""
        self._end_body()
        super().on_message_complete()
        self._read_on()  # perhaps nothing more comes, except that the client leaves

    def _read_on(self) -> None:
        """Read what comes next, unless the client does not read, or many of its requests wait."""
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
        self._disarm()  # also where nothing may follow, and nobody looks at what came any more

    def on_response_complete(self) -> None:
        """The answer is complete: forget the handler of the disconnect."""
        self._leave = None
        self._answering = self.pipeline[-1][0] if self.pipeline else None
        if self._farewell and not self.pipeline and not self.transport.is_closing():
            self._leave_with_it()
        super().on_response_complete()
        self._read_on()  # one fewer waits

    def _forget(self) -> None:
        """Give up the current request and all pipelined ones, as no answer can be read."""
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
            if head.version == "1.0":  # whose clients know no answer but the last
                self.expect_100_continue = False
        except RefusedHead as refusal:
            # The parser wraps what its callbacks raise, so the reason waits here.
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

    def _stop_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _expire(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if not self._is_spared and has_unread(self.transport):
            self._is_spared = True
            self._deadline = self.loop.call_later(SOON, self._expire)
            return
        if not self._is_receiving or self._is_answered():  # never said a word, or was refused
            self.transport.close()
        elif self._is_in_body and self._is_fast_enough():
            self._arm()
        else:
            self._reject(408, "The request took too long to arrive.")

    def _is_answered(self) -> bool:
        """Whether the body that still comes is only thrown away."""
        return self._is_in_body and self.cycle.response_complete

    def _is_fast_enough(self) -> bool:
        elapsed = self.loop.time() - self._body_began
        return self.flow.read_paused or self._body >= SLOWEST * elapsed

    # --- refusals ---

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be parsed."""
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
        """Answer with an error and close; but first come the answers to earlier requests."""
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
        """Whether earlier requests than the one that is refused wait for their answers."""
        if cycle.more_body and self.pipeline:  # it has not been begun, and will not be
            self.pipeline.popleft()
            return True
        return not cycle.more_body

    def _leave_with_it(self) -> None:
        self.transport.write(self._farewell)
        self.transport.close()


def _is_ours(error: BaseException | None) -> bool:
    """Whether a parser gave up because of what we do, and not because of what it read."""
    return isinstance(error, httptools.HttpParserCallbackError) and not isinstance(
        error.__context__, httptools.HttpParserError
    )


def limited(shared: SharedState, is_draining: Callable[[], bool]) -> type[LimitedProtocol]:
    """The protocol class for a server with this state; uvicorn wants a class."""
    attributes = {
        "limits": shared.settings.limits,
        "backlog": shared.backlog,
        "is_draining": staticmethod(is_draining),
    }
    return type("ServerProtocol", (LimitedProtocol,), attributes)
