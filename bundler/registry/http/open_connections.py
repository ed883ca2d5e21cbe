"""OpenConnections: keeps track of all connections, so that they can be closed at once."""

import socket
import threading
from contextlib import suppress
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from .limits import Limits


class OpenConnections:
    """The connections of one client, idle ones too."""

    def __init__(self) -> None:
        self._open: set[HTTPConnection] = set()
        self._lock = threading.Lock()
        self._is_cut = False

    def add(self, line: HTTPConnection) -> None:
        """Track a connection; after `cut` it is closed at once."""
        with self._lock:
            self._open.add(line)
            late = self._is_cut
        if late:
            hang_up(line.sock)

    def remove(self, line: HTTPConnection) -> None:
        """Stop tracking a connection."""
        with self._lock:
            self._open.discard(line)

    def cut(self) -> None:
        """Make all reads and writes fail, now and from now on."""
        with self._lock:
            self._is_cut = True
            connections = list(self._open)
        for line in connections:
            hang_up(line.sock)

    def close(self) -> None:
        """Close the connections that are still open."""
        with self._lock:
            connections = list(self._open)
        for line in connections:
            line.close()


def hang_up(line: socket.socket | None) -> None:
    """Shut down a connection that another thread uses."""
    with suppress(OSError, ValueError):
        # Not TLS's own shutdown: that waits for the other side, and is not for two threads.
        if line is not None:
            socket.socket.shutdown(line, socket.SHUT_RDWR)


def _ring(late: threading.Event, line: socket.socket) -> None:
    late.set()
    hang_up(line)


def pool_classes(
    connections: OpenConnections, limits: Limits
) -> dict[str, type[HTTPConnectionPool]]:
    """Connection pools of urllib3, with tracked connections and a time limit for answers.

    The timeout of a socket restarts with every byte; here it limits the arrival of the whole head.
    """

    class _Watched(HTTPConnection):
        def connect(self) -> None:
            self.timeout = limits.connect
            super().connect()
            self.sock.settimeout(limits.answer)
            connections.add(self)

        def close(self) -> None:
            connections.remove(self)
            super().close()

        def getresponse(self) -> Any:
            late, line = threading.Event(), self.sock
            alarm = threading.Timer(line.gettimeout() or limits.answer, _ring, [late, line])
            alarm.daemon = True
            alarm.start()
            try:
                answer = super().getresponse()
            finally:
                alarm.cancel()
            if late.is_set():  # http.client accepts a head that ends early
                answer.close()
                raise TimeoutError
            return answer

    class _WatchedTls(_Watched, HTTPSConnection):
        pass

    class _Pool(HTTPConnectionPool):
        ConnectionCls = _Watched

    class _TlsPool(HTTPSConnectionPool):
        ConnectionCls = _WatchedTls

    return {"http": _Pool, "https": _TlsPool}
