"""GrpcSockets: the sockets of the grpc library at one port, for which it has no API."""

import fcntl
import os
import socket
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .accept_queue import are_waiting, turn_away

# A frame of HTTP/2: 8 bytes of type 7 on stream 0; all streams are answered, and it is no error.
_GOAWAY = struct.pack(">xHBBIII", 8, 7, 0, 0, 2**31 - 1, 0)
_ACKED = struct.Struct("=120xQ")  # tcpi_bytes_acked in Linux's struct tcp_info


class GrpcSockets:
    """Ends in steps what the library would end at once.

    When its server stops, it cancels calls that come before their client knows, and calls that the
    event loop has not taken yet. Clients that are told before send no new call on their
    connection, so the server can answer all that have come, and then stop.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._told: set[object] = set()  # addresses of clients

    def quiet(self) -> None:
        """Drop new connections; those in the accept queue are still accepted.

        Closing the socket would reset the connections in its queue.
        """
        for each in self._listening():
            turn_away(each)

    def are_waiting(self) -> bool:
        """Whether connections wait to be accepted."""
        return any(map(are_waiting, self._listening()))

    def close(self) -> None:
        """Stop listening, so that new connections reach the other processes on the port."""
        for each in self._listening():
            with suppress(OSError):
                each.shutdown(socket.SHUT_RD)

    def tell_clients(self) -> bool:
        """Tell clients to send no new call on their connection; whether all know it.

        Only without TLS, and while no answers are sent: a client that has not received everything
        yet, or nothing at all, is not told.
        """
        is_known = [self._tell(each) for each in self._connected()]
        return sys.platform == "linux" and all(is_known)

    def are_unread(self) -> bool:
        """Whether there are connections with data that the library has not read."""
        return any(_count(each, termios.FIONREAD) for each in self._connected())

    def _tell(self, connection: socket.socket) -> bool:
        client = connection.getpeername()
        if client in self._told:
            return True
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKED.size)
        has_received = len(info) == _ACKED.size and _ACKED.unpack(info)[0] > 1  # 1: its SYN
        if not has_received or _count(connection, termios.TIOCOUTQ):
            return False
        with suppress(OSError):  # it has gone
            connection.send(_GOAWAY, socket.MSG_DONTWAIT)
        self._told.add(client)
        return True

    def _listening(self) -> Iterator[socket.socket]:
        return (each for each in self._all() if _listens(each))

    def _connected(self) -> Iterator[socket.socket]:
        return (each for each in self._all() if _has_client(each))

    def _all(self) -> Iterator[socket.socket]:
        """Duplicates of the sockets at the port; each is closed when the next is yielded."""
        for descriptor in _descriptors():
            with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as copy:
                is_inet = copy.family in {socket.AF_INET, socket.AF_INET6}
                if is_inet and copy.getsockname()[1] == self._port:
                    yield copy


def _descriptors() -> Iterator[int]:
    """The open descriptors that are sockets; no others may be wrapped in a socket object."""
    with suppress(OSError):  # no /proc: then the little that may be lost is lost
        for each in list(Path("/proc/self/fd").iterdir()):
            if each.is_socket():
                yield int(each.name)


def _listens(sock: socket.socket) -> bool:
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _has_client(sock: socket.socket) -> bool:
    with suppress(OSError):
        sock.getpeername()
        return True
    return False


def _count(sock: socket.socket, what: int) -> int:
    """The number of received bytes that are not read, or of sent ones that are not confirmed."""
    return int.from_bytes(fcntl.ioctl(sock.fileno(), what, bytes(4)), sys.byteorder)
