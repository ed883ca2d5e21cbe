"""SingleAccept: accepts connections one by one, as long as there is room."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress


class SingleAccept:
    """Replaces an `asyncio.Server` when file descriptors are few.

    `asyncio.Server` accepts the whole queue at once, which refills meanwhile. When no descriptor is
    left, libuv accepts the waiting connections and drops them together with their requests.

    pending  tasks of connections that are accepted and not yet made
    """

    def __init__(
        self,
        listener: socket.socket,
        connect: Callable[[], asyncio.Protocol],
        is_full: Callable[[], bool],
        on_full: Callable[[], None],
    ) -> None:
        self.pending: set[asyncio.Task[None]] = set()
        self._listener = listener
        self._connect = connect
        self._is_full = is_full
        self._on_full = on_full
        self._loop = asyncio.get_running_loop()

    def open(self, backlog: int) -> None:
        """Accept connections."""
        self._listener.listen(backlog)
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener.fileno(), self._take)

    def close(self) -> None:
        """Stop accepting connections."""
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()

    def _take(self) -> None:
        """Accept one connection; the event loop turns before the next one."""
        if self._is_full():
            self._on_full()
            return
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another process accepted it, or the client has gone
        except OSError:
            self._on_full()
            return
        task = self._loop.create_task(self._make(connection))
        self.pending.add(task)
        task.add_done_callback(self.pending.discard)

    async def _make(self, connection: socket.socket) -> None:
        with suppress(OSError):  # a UNIX socket has no TCP_NODELAY
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self._loop.connect_accepted_socket(self._connect, connection)
        except OSError:
            connection.close()
