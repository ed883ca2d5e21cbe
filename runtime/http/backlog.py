"""Backlog: bounds the memory and the time of answers that clients do not read."""

import asyncio


class Backlog:
    """Connections whose clients read more slowly than answers are written.

    Each is closed after `seconds`. If more than `limit` bytes are unread, connections are closed,
    those that have waited longest first. Clients that read are not affected.
    """

    __slots__ = ("_limit", "_seconds", "_sizes", "_timers", "_total")

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._sizes: dict[asyncio.Transport, int] = {}
        self._timers: dict[asyncio.Transport, asyncio.TimerHandle] = {}
        self._total = 0

    def note(self, transport: asyncio.Transport) -> None:
        """Record that answers of this connection are unread."""
        if transport not in self._timers:
            loop = asyncio.get_running_loop()
            self._timers[transport] = loop.call_later(self._seconds, transport.abort)
        size = transport.get_write_buffer_size()
        self._total += size - self._sizes.get(transport, 0)
        self._sizes[transport] = size
        while self._total > self._limit:
            slowest = next(iter(self._sizes))
            self.forget(slowest)
            slowest.abort()

    def forget(self, transport: asyncio.Transport) -> None:
        """Forget a connection that was read or closed."""
        if transport in self._sizes:
            self._total -= self._sizes.pop(transport)
            self._timers.pop(transport).cancel()
