"""FastProtocol: a connection that answers predictions below ASGI, all else through ASGI."""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from ...errors import ClientGone, Overloaded
from ..connection.pipeline_flow import MOST_WAITING
from ..connection.protocol import LimitedProtocol
from ..request.body import beyond
from ..request.identity import NOTHING
from .large_body import LargeBody
from .requests.fast_request import FastRequest
from .requests.pipeline import Pipeline
from .requests.plain_head import PlainHead

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from .fast_path import FastPath

_END = b"\r\n\r\n"
_BLANK = (b"\r", b"\n")
_MUCH = 1 << 12  # bytes after a head that the parser gets together with it


class FastProtocol(LimitedProtocol):
    """One connection, at any time either on the fast path or in ASGI.

    On the fast path, predictions are queued in a `Pipeline`, which looks to uvicorn like the cycle
    of one request. All other requests go through uvicorn's own cycles to the ASGI application.
    They wait until the pipeline is empty, and while one of them is unanswered, predictions after
    it go through ASGI, too. So answers always keep the order of their requests.
    """

    __slots__ = (
        "_budget",
        "_claimed",
        "_coming",
        "_cycle",
        "_heads",
        "_is_beyond",
        "_is_fast",
        "_known",
        "_parts",
        "_pipeline",
        "_raw_head",
        "_readiness",
        "_rested",
    )

    fast_path: "FastPath"

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._pipeline: Pipeline[FastRequest] = Pipeline(self)
        self._cycle = cast("RequestResponseCycle", self._pipeline)
        self._heads = self.fast_path.heads
        self._known = self._heads.get
        self._budget = self.fast_path.budget
        self._readiness = self.fast_path.readiness
        self._is_fast = True  # no request in ASGI is unanswered
        self._raw_head = b""  # of the request at the start of the data that is parsed
        self._coming: FastRequest | None = None  # the request whose body is incomplete
        self._parts: list[bytes] = []  # parts of that body
        self._claimed = 0  # bytes of the memory budget that these parts use
        self._is_beyond = False  # the budget had no room for the whole body
        self._rested = 0.0  # when the last request was answered, on the monotonic clock

    # --- the connection ---

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up the pending requests of a client that has gone."""
        pipeline = self._pipeline
        gone = [request for request in pipeline.waiting if request.reply is None]
        if self._coming is not None:
            gone.append(self._coming)
            self._claim_rest(self._coming.head)
            self._coming = None
            self.fast_path.began(1)
            self.fast_path.open += 1
        pipeline.lose()
        super().connection_lost(exc)
        now = time.monotonic()
        for request in gone:
            request.abandon()
            self.fast_path.ended([request], ClientGone.status, now)

    def data_received(self, data: bytes) -> None:
        """Take complete requests with known heads directly; the parser gets the rest."""
        if self._is_receiving or self._is_deaf or not self._is_fast:
            super().data_received(data)
            return
        if self._readiness.closes_connections:
            self._parse(data)
            return
        start, size = 0, len(data)
        while start < size:
            end = data.find(_END, start)
            raw = data[start:end] if end > 0 else b""
            head, own = self._known(raw), NOTHING
            if head is None:
                head, own = self._heads.find(raw)
            begin = end + len(_END)
            if head is None or begin + head.length > size or not self._has_room(head):
                self._parse(data[start:] if start else data)
                return
            start = begin + head.length
            self._budget.used += head.length
            self._queue(FastRequest(self._pipeline, head, data[begin:start], own))
            if head.is_last:
                return

    def _has_room(self, head: PlainHead) -> bool:
        """Whether the memory budget has room for the body."""
        return self._budget.used + head.length <= self._budget.limit

    def _queue(self, request: FastRequest) -> None:
        """Handle a request that is complete."""
        if self._deadline is not None:
            self._disarm()
        self.cycle = self._answering = self._cycle
        waiting = self._pipeline.waiting
        waiting.append(request)
        if request.head.is_last:
            self._pipeline.is_closing = self._is_deaf = True
        if len(waiting) >= MOST_WAITING:
            self.flow.pause_reading()
        self.fast_path.open += 1
        request.head.intake.arrived(request)

    def _parse(self, data: bytes) -> None:
        # Blank lines are not a head; handled one by one, they would exhaust the stack.
        end = data.find(_END) if data[:1] not in _BLANK else -1
        self._raw_head = data[:end] if end > 0 else b""
        begin = end + len(_END) if 0 < end < len(data) - _MUCH else len(data)
        super().data_received(data[:begin])
        self._raw_head = b""
        if begin == len(data):
            return
        if self._coming is not None and self._coming.head.numbers_at is not None:
            self._receive(self._coming.head, memoryview(data)[begin:])
        else:
            self.data_received(data[begin:])

    # --- large bodies ---

    def _receive(self, head: PlainHead, data: memoryview) -> None:
        """Start to receive a body of numbers."""
        assert head.numbers_at is not None
        self.parser = self._fresh_parser()  # one without the state of this request
        room = self.fast_path.buffers.take(head.length, head.numbers_at)
        LargeBody(self, room).begin(data[: head.length])
        if len(data) > head.length:
            self.data_received(bytes(data[head.length :]))

    def _fresh_parser(self) -> httptools.HttpRequestParser:
        """A parser, configured as uvicorn does it."""
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def listen(self, instead: asyncio.BufferedProtocol | None) -> None:
        """Pass received data to `instead`; the kind of reads is chosen when reading resumes."""
        transport = self.transport
        transport.pause_reading()
        transport.set_protocol(instead or self)
        if not self.flow.read_paused:
            transport.resume_reading()

    def take_part(self, size: int) -> bool:
        """Count `size` received bytes of a large body; returns whether to keep them."""
        self._body += size
        return self._coming is not None and self._claim(size)

    def take_body(self, body: memoryview) -> None:
        """Handle a complete large body, unless its request was refused meanwhile."""
        if self._coming is not None:
            self._finish(self._coming, body)
            self._disarm()

    def write(self, data: bytes) -> None:
        """Send, if the connection is open."""
        transport = self.transport
        if not transport.is_closing():
            transport.write(data)
            if self.flow.write_paused:
                self.backlog.note(transport)

    def finish(self, data: bytes, now: float) -> None:
        """Send the last answer; then continue with ASGI, or start the keep-alive timeout."""
        self._rested = now
        flow, transport = self.flow, self.transport
        if not transport.is_closing():  # as `write`, without a call
            transport.write(data)
            if flow.write_paused:
                self.backlog.note(transport)
        if self._pipeline.is_closing:
            transport.close()
        elif self.pipeline or self._farewell:
            self.on_response_complete()
        else:
            if flow.read_paused and not flow.write_paused:
                flow.resume_reading()
            if self.timeout_keep_alive_task is None:
                self._await_next(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it was idle: one timer serves many requests."""
        self.timeout_keep_alive_task = None
        left = self._rested + self.timeout_keep_alive - time.monotonic()
        if self._is_receiving or not self.cycle.response_complete:
            return  # the next answer starts it again
        if left > 0.0:
            self._await_next(left)
        else:
            super().timeout_keep_alive_handler()

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read its answers."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        """Read again."""
        super().resume_writing()
        self._read_on()

    def _read_on(self) -> None:
        """Resume reading, unless the client does not read or many of its requests wait."""
        if len(self._pipeline.waiting) < MOST_WAITING:
            super()._read_on()

    def give_up(self) -> None:
        """Answer the pending requests with 503, because the server ends."""
        for request in [each for each in self._pipeline.waiting if each.reply is None]:
            request.abandon()
            error = Overloaded("The server is shutting down.", retry_after=1)
            request.group.refuse([request], error)

    # --- the parser's callbacks ---

    def on_headers_complete(self) -> None:
        """Choose between the fast path and ASGI."""
        self._check_head()
        raw, self._raw_head = self._raw_head, b""
        head = self._plain_head() if self._is_fast and not self._pipeline.is_closing else None
        if head is None or not self._has_room(head):
            self._is_fast = False
            self._begin_cycle()
            return
        self._begin_body()
        self._claimed = 0
        self._is_beyond = False
        if raw and not self._readiness.closes_connections:
            self._heads.learn(raw, head, self.url, self.headers)
        self.cycle = self._answering = self._cycle
        self._pipeline.more_body = True
        self._coming = FastRequest(self._pipeline, head, b"", head.own)

    def _plain_head(self) -> PlainHead | None:
        """The parsed head, if the fast path can answer the request; else None."""
        if self.parser.get_method() != b"POST" or not self._readiness.takes_requests:
            return None
        if self.keeps_old():
            return None
        is_last = (
            self.parser.get_http_version() != "1.1"
            or not self.parser.should_keep_alive()
            or self.is_draining()
        )
        return self.fast_path.reader.read(self.url, self.headers, is_last=is_last)

    def on_body(self, body: bytes) -> None:
        """Receive a part of the body."""
        if self._coming is None:
            super().on_body(body)
        else:
            self._body += len(body)
            self._keep(body)

    def _keep(self, body: bytes) -> None:
        """Count only received bytes against the budget, not what Content-Length announces."""
        if self._claim(len(body)):
            self._parts.append(body)
        else:
            self._parts.clear()

    def _claim(self, size: int) -> bool:
        """Reserve `size` bytes of the budget; False if it has no room for the whole body."""
        if self._is_beyond:
            return False
        if self._budget.used + size > self._budget.limit:
            self._is_beyond = True
            self._budget.give(self._claimed)
            self._claimed = 0
            return False
        self._budget.used += size
        self._claimed += size
        return True

    def _claim_rest(self, head: PlainHead) -> None:
        """Reserve the rest of the body, because all of it is released with the request."""
        self._budget.used += head.length - self._claimed
        self._claimed = 0

    def on_message_complete(self) -> None:
        """Queue a request that is complete."""
        if self._coming is None:
            super().on_message_complete()
            return
        body = b"".join(self._parts)
        self._parts.clear()
        self._finish(self._coming, body)

    def _finish(self, request: FastRequest, body: bytes | memoryview) -> None:
        self._coming = None
        self._end_body()
        self._pipeline.more_body = False
        request.body = cast("bytes", body)  # a memoryview if `numbers_at` is set
        self._claim_rest(request.head)
        if self._is_beyond:
            self._refuse(request)
        else:
            self._queue(request)

    def _refuse(self, request: FastRequest) -> None:
        self._pipeline.waiting.append(request)
        if request.head.is_last:
            self._pipeline.is_closing = self._is_deaf = True
        self.fast_path.began(1)
        self.fast_path.open += 1
        request.head.intake.answers.refuse([request], beyond())

    def _is_behind(self, cycle: "RequestResponseCycle") -> bool:
        """Whether earlier requests wait for their answers before this one can be refused."""
        if self._coming is None:
            return super()._is_behind(cycle)
        if not self._pipeline.waiting:
            return False
        self._budget.give(self._claimed)
        self._claimed = 0
        self._parts.clear()
        self._coming = None
        self._pipeline.more_body = False
        return True

    def on_response_complete(self) -> None:
        """Handle the end of a request in ASGI."""
        super().on_response_complete()
        self._rested = time.monotonic()
        self._is_fast = self.cycle.response_complete


def fast(fast_path: "FastPath", is_draining: Callable[[], bool]) -> type[FastProtocol]:
    """The protocol class for a server with this fast path; uvicorn wants a class."""
    attributes = {
        "limits": fast_path.shared.settings.limits,
        "backlog": fast_path.shared.backlog,
        "is_draining": staticmethod(is_draining),
        "fast_path": fast_path,
    }
    return type("ServerProtocol", (FastProtocol,), attributes)
