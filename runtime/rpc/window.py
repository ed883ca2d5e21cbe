"""FlowWindow: flow control of streams: how far the sender may run ahead of the receiver."""

import asyncio

PARTS = 16
SIZE = 1 << 18  # bytes; a part that is larger travels alone


class FlowWindow:
    """The sender's side: parts and bytes that were sent and not yet acknowledged."""

    def __init__(self) -> None:
        self._parts = 0
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None

    async def room(self) -> None:
        """Wait until another part may be sent."""
        while self._parts >= PARTS or self._size >= SIZE:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def sent(self, size: int) -> None:
        """A part of so many bytes was sent."""
        self._parts += 1
        self._size += size

    def taken(self, parts: int, size: int) -> None:
        """So many have been taken."""
        self._parts -= parts
        self._size -= size
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Taken:
    """The receiver's side: parts and bytes that were consumed and not yet acknowledged."""

    def __init__(self) -> None:
        self.parts = 0
        self.size = 0

    def add(self, size: int) -> bool:
        """Count a part that was taken; returns whether the counts should be sent now."""
        self.parts += 1
        self.size += size
        return 2 * self.parts >= PARTS or 2 * self.size >= SIZE

    def take_counts(self) -> tuple[int, int]:
        """Reset and return the counts to send: parts and bytes."""
        parts, size, self.parts, self.size = self.parts, self.size, 0, 0
        return parts, size
