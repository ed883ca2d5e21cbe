"""Acceptor: accepts connections as long as there are file descriptors."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Collection, Sequence
from typing import Any

from ...hosting.readiness import Readiness
from ..machine.descriptor_limit import BACKLOG, DescriptorLimit
from ..sockets.accept_queue import GLANCE
from .single_accept import SingleAccept

log = logging.getLogger(__name__)


class Acceptor:
    """Accepts connections from listening sockets, which stay open when it pauses.

    connect      makes the protocol of a connection; `count` is called once the connection is made
    connections  the open connections
    """

    def __init__(
        self,
        connect: Callable[[], asyncio.Protocol],
        connections: Collection[Any],
        readiness: Readiness,
    ) -> None:
        self._sockets: Sequence[socket.socket] = ()
        self._connect = connect
        self._connections = connections
        self._readiness = readiness
        self._servers: list[asyncio.Server | SingleAccept] = []
        self._descriptors = DescriptorLimit()
        self._pausing: asyncio.Task[None] | None = None  # while it is full
        self._has_paused = False  # ever, so that it is logged once

    def adopt(self, sockets: Sequence[socket.socket]) -> None:
        """Set the listening sockets."""
        self._sockets = sockets

    @property
    def is_open(self) -> bool:
        """Whether connections are accepted."""
        return bool(self._servers)

    @property
    def is_pausing(self) -> bool:
        """Whether it pauses for lack of file descriptors."""
        return self._pausing is not None

    async def open(self) -> None:
        """Accept connections."""
        opened = self._servers = []
        for each in self._sockets:
            server = await self._server(each.dup())
            if self._servers is not opened:  # it was closed meanwhile
                server.close()
                return
            opened.append(server)

    async def _server(self, listener: socket.socket) -> asyncio.Server | SingleAccept:
        loop = asyncio.get_running_loop()
        if not self._descriptors.is_scarce:
            return await loop.create_server(self._connect, sock=listener, backlog=BACKLOG)
        single = SingleAccept(listener, self._connect, self._is_full, self._rest)
        single.open(BACKLOG)
        return single

    def close(self) -> None:
        """Stop accepting connections."""
        if self._pausing is not None:
            self._pausing.cancel()
            self._pausing = None
            self._readiness.is_full = False
        for server in self._servers:
            server.close()
        self._servers = []

    def count(self) -> None:
        """Pause if the limit of connections is reached."""
        if self._pausing is None and self._is_full():
            self._rest()

    def _rest(self) -> None:
        self.close()
        self._readiness.is_full = True
        self._pausing = asyncio.create_task(self._pause())

    def _is_full(self) -> bool:
        singles = [each for each in self._servers if isinstance(each, SingleAccept)]
        arriving = sum(len(each.pending) for each in singles)
        one_by_one = bool(singles) or (not self._servers and self._descriptors.is_scarce)
        return self._descriptors.is_full(len(self._connections) + arriving, one_by_one=one_by_one)

    async def _pause(self) -> None:
        """Accept no connections until an open one has been closed."""
        if not self._has_paused:
            log.warning("There are no descriptors for more connections: new ones have to wait.")
        self._has_paused = True
        while not self._servers:
            await asyncio.sleep(GLANCE)
            if not self._is_full():
                with contextlib.suppress(OSError):  # something else has taken them: the next time
                    await self.open()
        self._readiness.is_full = False
        self._pausing = None
