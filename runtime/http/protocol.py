"""Protocol: uvicorn's httptools protocol with limits on what a connection may do to us.

uvicorn never cuts a client that sends one byte a minute, nor one that never stops sending headers,
and takes requests without Host; `LimitSettings` says what is allowed here.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import orjson
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from ..settings import LimitSettings
from .endpoint import ON_DISCONNECT

MAX_TARGET = 1 << 13  # bytes of path and query
SLOWEST = 1 << 16  # bytes a second; a body that comes faster than this is not cut


_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:", re.IGNORECASE)


class _RefusedHead(Exception):
    """The request line or the headers are not answered by any application."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class LimitedProtocol(HttpToolsProtocol):
    """One connection: absolute deadlines for headers and body, few headers, exactly one Host.

    `limited` makes the class for one server out of this one.
    """

    limits = LimitSettings()
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
        self._patience: asyncio.TimerHandle | None = None  # with a client that does not read
        self._refusal: _RefusedHead | None = None
        self._leave: Callable[[], object] | None = None
        self._extensions = {ON_DISCONNECT: self._on_disconnect}
        self._is_receiving = False  # between the first byte of a request and its last
        self._is_in_body = False
        self._is_deaf = False  # the connection ends with the answer that is under way
        self._head = 0  # bytes of headers that came in earlier pieces
        self._piece = 0  # bytes of the piece that is being parsed
        self._body = 0
        self._body_began = 0.0  # on the loop's clock

    # --- the connection ---

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the client until the deadline for its first headers."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever works for this client."""
        self._disarm()
        self._stop_patience()
        leave, self._leave = self._leave, None
        super().connection_lost(exc)
        if leave is not None:
            leave()

    def data_received(self, data: bytes) -> None:
        """Parse a piece, and hold the client to its deadline only where more must come."""
        if self._is_deaf:
            return
        if not self._is_receiving and b"pgrade" in data:
            data = _without_upgrade(data)
        self._piece = len(data)
        super().data_received(data)
        if self.transport.is_closing() or self._is_deaf:
            return
        if not self._is_receiving:
            self._disarm()
            return
        if self._is_in_body:
            self._body += self._piece
        else:
            self._head += self._piece
            if self._head > self.limits.max_header_bytes:
                self._reject(431, "The headers are too large.")
                return
        if self._deadline is None:
            self._arm()

    def pause_writing(self) -> None:
        """Give a client that does not read as long as one that does not write."""
        super().pause_writing()
        if self._patience is None:
            seconds = 3 * self.limits.receive_timeout
            self._patience = self.loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        self._stop_patience()

    # --- the parser's callbacks ---

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._is_receiving = True
        self._is_in_body = False
        self._head = self._body = 0

    def on_headers_complete(self) -> None:
        """Check what no application will."""
        self._check_head()
        self._is_in_body = True
        self._body_began = self.loop.time()
        self._disarm()  # the body has a deadline of its own
        super().on_headers_complete()
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]
        if self.is_draining():
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """A request has come in whole."""
        self._is_receiving = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Nobody works for this client any more."""
        self._leave = None
        super().on_response_complete()

    def _on_disconnect(self, leave: Callable[[], object]) -> None:
        self._leave = leave

    def _check_head(self) -> None:
        headers = self.headers
        if len(headers) > self.limits.max_headers:
            self._refuse(431, f"More than {self.limits.max_headers} headers.")
        if self._head + self._piece > self.limits.max_header_bytes:
            size = sum(len(name) + len(value) + 4 for name, value in headers)
            if size + len(self.url) > self.limits.max_header_bytes:
                self._refuse(431, "The headers are too large.")
        if len(self.url) > MAX_TARGET:
            self._refuse(414, "The path is too long.")
        if self.parser.should_upgrade():
            self._refuse(400, "Connections are not upgraded here, nor tunneled.")
        version = self.parser.get_http_version()
        if version not in {"1.1", "1.0"}:
            self._refuse(505, "HTTP/1.1 and HTTP/1.0 are spoken here.")
        names = [name for name, _ in headers]
        hosts = names.count(b"host")
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            self._refuse(400, f"Exactly one Host header is needed, {hosts} came.")
        if b"transfer-encoding" in names:
            self._check_framing(names, version)

    def _check_framing(self, names: list[bytes], version: str) -> None:
        """Anything that another server on the way could read as another length is refused."""
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        if b"content-length" in names:
            self._refuse(400, "Content-Length and Transfer-Encoding exclude each other.")
        if version == "1.0" or codings != [b"chunked"]:
            self._refuse(400, "The only Transfer-Encoding is `chunked`, in HTTP/1.1.")

    def _refuse(self, status: int, detail: str) -> None:
        # The parser wraps what its callbacks raise, so the reason waits here.
        self._refusal = _RefusedHead(status, detail)
        raise self._refusal

    # --- deadlines ---

    def _arm(self) -> None:
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
        if refusal is None:
            self._reject(400, msg)
        else:
            self._reject(refusal.status, refusal.detail)

    def _reject(self, status: int, detail: str) -> None:
        """Answer with an error and close; but first come the answers to earlier requests."""
        self._is_deaf = True
        self._disarm()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.more_body:  # of an earlier request, which is whole
                cycle.keep_alive = False
                return
            if cycle.response_started:
                self.transport.abort()
                return
        body = orjson.dumps({"error": detail})
        headers = (
            b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        )
        self.transport.write(STATUS_LINE[status] + headers % len(body) + body)
        self.transport.close()


def _without_upgrade(data: bytes) -> bytes:
    """The same request with its Upgrade header under another name.

    The parser drops the body of a request that offers an upgrade, and Java's HttpClient offers one
    with every first request; a server may ignore the offer.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"\r\nx-ignored-upgrade:", head) + end + rest


def limited(limits: LimitSettings, is_draining: Callable[[], bool]) -> type[LimitedProtocol]:
    """The protocol class for a server with these limits; uvicorn wants a class."""
    attributes = {"limits": limits, "is_draining": staticmethod(is_draining)}
    return type("ServerProtocol", (LimitedProtocol,), attributes)
