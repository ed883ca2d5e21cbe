"""AnswerGate: holds answers back for a moment, while connections are being closed.

A client that asks again as soon as it is answered sends its next call just when the library ends:
what that has read by then, and nobody has taken, it cancels. While no answer goes out nobody asks
again, and with the answer each hears that the next call belongs on another connection. Nor is
anything written between which `GrpcSockets` would put its own words.
"""

import asyncio


class AnswerGate:
    """Open, except shortly before a server ends."""

    def __init__(self) -> None:
        self._opened: asyncio.Event | None = None

    @property
    def is_closed(self) -> bool:
        """Whether answers must wait; checking it first is cheaper than awaiting `open`."""
        return self._opened is not None

    def close(self) -> None:
        """Hold answers back from now on."""
        self._opened = self._opened or asyncio.Event()

    def open(self) -> None:
        """Let all answers out."""
        if self._opened is not None:
            self._opened.set()
            self._opened = None

    async def wait(self) -> None:
        """Until answers may go out."""
        if self._opened is not None:
            await self._opened.wait()
