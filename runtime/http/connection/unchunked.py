"""Unchunked: answers of unknown length for HTTP/1.0, which end with the connection."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class Unchunked:
    """The `send` of one request: chunks are of HTTP/1.1 alone (RFC 9112, 7.1)."""

    def __init__(self, cycle: RequestResponseCycle, kept: tuple[bytes, bytes]) -> None:
        self._cycle = cycle
        self._send = cycle.send
        self._kept = kept  # the header that promised more on this connection
        self._is_open = False  # the length of the body is unknown

    async def __call__(self, message: Any) -> None:
        """As ASGI's."""
        if message["type"] == "http.response.start":
            self._begin([name.lower() for name, _ in message.get("headers", ())])
        elif self._is_open:
            self._cycle.expected_content_length = len(message.get("body", b""))
        await self._send(message)

    def _begin(self, names: list[bytes]) -> None:
        if b"content-length" in names:
            return
        cycle = self._cycle
        self._is_open = True
        cycle.chunked_encoding = cycle.keep_alive = False
        cycle.default_headers = [each for each in cycle.default_headers if each != self._kept]
