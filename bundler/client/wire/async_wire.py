"""AsyncWire: requests over kept-alive connections, with asyncio.

HTTP/1.1 over asyncio's streams with httptools' parser, which every bundle's server has as well:
one more HTTP library would only be one more to install.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from .address import Address
from .reply import Lost, Reply
from .request import Request

if TYPE_CHECKING:
    import ssl

_CONNECT = 10.0  # seconds
_PIECE = 1 << 16
_KEPT = 16  # idle connections


class AsyncWire:
    """Connections to one server; each event loop has its own, for no other can use them."""

    def __init__(self, address: Address, tls: "ssl.SSLContext | None" = None) -> None:
        self._address = address
        self._tls = tls
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, list[_Connection]]
        self._loops = WeakKeyDictionary()

    async def send(self, request: Request, seconds: float) -> Reply | Lost:
        """The reply with all of its body, or why there is none."""
        try:
            async with asyncio.timeout(seconds):
                async with self.opened(request, seconds) as (reply, parts):
                    body = b"".join([part async for part in parts])
                    return Reply(reply.status, reply.headers, body)
        except TimeoutError:
            late = f"{self._where} did not answer in time."
            return Lost(late, was_sent=True, is_late=True)
        except Lost as lost:
            return lost

    @asynccontextmanager
    async def opened(
        self, request: Request, seconds: float
    ) -> AsyncIterator[tuple[Reply, AsyncIterator[bytes]]]:
        """The head of the reply, and its body as it comes; each part within `seconds`.

        Raises:
            Lost: when there is none, or it breaks off.
        """
        connection = self._take() or await self._connect(seconds)
        try:
            reply = await self._timely(connection.ask(self._request(request)), seconds)
            yield reply, self._parts(connection, seconds)
        finally:
            if connection.is_reusable and len(self._idle) < _KEPT:
                self._idle.append(connection)
            else:
                connection.close()

    async def close(self) -> None:
        """Close what is kept."""
        while idle := self._idle:
            idle.pop().close()

    @property
    def _idle(self) -> "list[_Connection]":
        return self._loops.setdefault(asyncio.get_running_loop(), [])

    def _take(self) -> "_Connection | None":
        """An idle connection that the server has not closed."""
        while idle := self._idle:
            connection = idle.pop()
            if connection.is_open:
                return connection
            connection.close()
        return None

    async def _connect(self, seconds: float) -> "_Connection":
        import ssl

        address, tls = self._address, None
        if address.scheme == "https":
            tls = self._tls or ssl.create_default_context()
        try:
            async with asyncio.timeout(min(seconds, _CONNECT)):
                streams = await asyncio.open_connection(address.host, address.port, ssl=tls)
        except ssl.SSLError as error:
            raise Lost(
                f"{self._where} has no valid certificate: {error}.", was_sent=False
            ) from error
        except (OSError, TimeoutError, UnicodeError) as error:  # the last one: it is no host's name
            raise Lost(f"{self._where} does not answer.", was_sent=False) from error
        return _Connection(*streams, self._where)

    async def _parts(self, connection: "_Connection", seconds: float) -> AsyncIterator[bytes]:
        while (part := await self._timely(connection.part(), seconds)) is not None:
            yield part

    async def _timely(self, work: Any, seconds: float) -> Any:
        try:
            async with asyncio.timeout(seconds):
                return await work
        except TimeoutError as error:
            late = f"{self._where} did not answer in time."
            raise Lost(late, was_sent=True, is_late=True) from error

    def _request(self, request: Request) -> bytes:
        headers = {
            "host": self._address.authority,
            "accept-encoding": "identity",
            "content-length": str(len(request.body)),
        } | {name.lower(): value for name, value in request.headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        first = f"{request.method} {self._address.prefix}{request.path} HTTP/1.1\r\n"
        return f"{first}{lines}\r\n".encode("latin-1", "replace") + request.body

    @property
    def _where(self) -> str:
        return f"`{self._address.url}`"


class _Connection:
    """A connection and the reply that is read from it: httptools calls the `on_` methods."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, where: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._where = where
        self._parser: Any = None
        self._headers: dict[str, str] = {}
        self._parts: deque[bytes] = deque()
        self._has_head = False
        self._is_whole = False
        self._is_broken = False
        self._stays = False

    @property
    def is_open(self) -> bool:
        """Whether the server, too, still has it."""
        return not self._reader.at_eof() and not self._writer.is_closing()

    @property
    def is_reusable(self) -> bool:
        """Whether another request may follow."""
        is_done = self._is_whole and not self._is_broken and not self._parts
        return is_done and self._stays and self.is_open

    def close(self) -> None:
        """Close it."""
        self._writer.close()

    async def ask(self, request: bytes) -> Reply:
        """Send, and wait for the head of the reply."""
        import httptools

        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._has_head, self._is_whole = {}, False, False
        self._is_broken = True  # until it is read to its end
        try:
            self._writer.write(request)
            await self._writer.drain()
        except OSError:
            pass  # it may have answered, and closed, before it had read everything
        while not self._has_head:
            await self._read()
        return Reply(self._parser.get_status_code(), self._headers)

    async def part(self) -> bytes | None:
        """The next bytes of the body; None at its end."""
        while not self._parts and not self._is_whole:
            await self._read()
        if self._parts:
            return self._parts.popleft()
        self._is_broken = False
        return None

    async def _read(self) -> None:
        import httptools

        try:
            data = await self._reader.read(_PIECE)
            if data:
                self._parser.feed_data(data)
        except (OSError, httptools.HttpParserError) as error:
            raise Lost(f"The connection to {self._where} broke.", was_sent=True) from error
        if not data:
            self._end()

    def _end(self) -> None:
        """Only a body without a length ends with its connection."""
        is_framed = {"content-length", "transfer-encoding"} & self._headers.keys()
        if not self._has_head or (is_framed and not self._is_whole):
            raise Lost(f"The connection to {self._where} broke.", was_sent=True)
        self._is_whole = True

    # --- the parser's callbacks ---

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The head has come; what is only `100 Continue` is none."""
        self._has_head = self._parser.get_status_code() >= 200  # noqa: PLR2004
        self._stays = bool(self._parser.should_keep_alive())  # later it has forgotten

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """All of it has come."""
        self._is_whole = self._has_head
