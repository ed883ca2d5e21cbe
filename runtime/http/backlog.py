"""Backlog: bounds the memory of answers that clients do not read."""

import asyncio


class Backlog:
    """The connections of a server that read more slowly than they are answered.

    Where more than `limit` bytes wait for them, those who have waited longest are cut: they had
    more time than any other, and whoever reads what it asked for is not hurt.
    """

    __slots__ = ("_limit", "_sizes", "_total")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._sizes: dict[asyncio.Transport, int] = {}
        self._total = 0

    def note(self, transport: asyncio.Transport) -> None:
        """So much waits for this one now."""
        size = transport.get_write_buffer_size()
        self._total += size - self._sizes.get(transport, 0)
        self._sizes[transport] = size
        while self._total > self._limit:
            slowest = next(iter(self._sizes))
            self.forget(slowest)
            slowest.abort()

    def forget(self, transport: asyncio.Transport) -> None:
        """It has read, or is gone."""
        self._total -= self._sizes.pop(transport, 0)
