"""Closing: tells clients that an answer is the last one of its connection."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_CLOSE = (b"connection", b"close")


class Closing:
    """The `send` of one request; uvicorn before 0.54 closes without a word.

    A client that is not told sends its next request, and may not send it again.
    """

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._send = cycle.send

    async def __call__(self, message: Any) -> None:
        """As ASGI's."""
        if message["type"] == "http.response.start" and not self._cycle.keep_alive:
            message = message | {"headers": [*message.get("headers", ()), _CLOSE]}
        await self._send(message)
