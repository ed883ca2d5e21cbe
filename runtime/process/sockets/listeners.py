"""Listeners: the listening sockets inside the grpc library, which has no API for them."""

import fcntl
import os
import socket
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .accept_queue import are_waiting, turn_away


def quiet(port: int) -> None:
    """Drop new connections to `port`; those in the accept queue are still accepted.

    Closing the socket would reset the connections in its queue.
    """
    for each in _sockets(port):
        if _listens(each):
            turn_away(each)


def is_awaited(port: int) -> bool:
    """Whether the queue at `port` holds connections, or an open one has unread data."""
    return any(are_waiting(each) if _listens(each) else _unread(each) for each in _sockets(port))


def _sockets(port: int) -> Iterator[socket.socket]:
    """Duplicates of the sockets that listen at a port; each is closed when the next is yielded."""
    for descriptor in _descriptors():
        with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as copy:
            if copy.family in {socket.AF_INET, socket.AF_INET6} and copy.getsockname()[1] == port:
                yield copy


def _descriptors() -> Iterator[int]:
    """The open descriptors that are sockets; no others may be wrapped in a socket object."""
    with suppress(OSError):  # no /proc: then the little that may be lost is lost
        for each in list(Path("/proc/self/fd").iterdir()):
            if each.is_socket():
                yield int(each.name)


def _listens(sock: socket.socket) -> bool:
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _unread(sock: socket.socket) -> int:
    """The number of received bytes that this process has not read."""
    count = fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4))
    return int.from_bytes(count, sys.byteorder)
