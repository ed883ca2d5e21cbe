"""Listeners: the sockets that grpc has in this process, which it does not hand out."""

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
    """Have the kernel let nobody else in at `port`, while those who are in are still taken.

    Closing a listening socket resets whoever waits in its queue.
    """
    for each in _sockets(port):
        if _listens(each):
            turn_away(each)


def is_awaited(port: int) -> bool:
    """Whether somebody at `port` is in the queue, or has said what nobody has read yet."""
    return any(are_waiting(each) if _listens(each) else _unread(each) for each in _sockets(port))


def _sockets(port: int) -> Iterator[socket.socket]:
    """Copies of those at a port of this machine, each closed again when the next is asked for."""
    for descriptor in _descriptors():
        with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as copy:
            if copy.family in {socket.AF_INET, socket.AF_INET6} and copy.getsockname()[1] == port:
                yield copy


def _descriptors() -> Iterator[int]:
    """Those of sockets: a copy of anything else would be no socket, and nobody would close it."""
    with suppress(OSError):  # no /proc: then the little that may be lost is lost
        for each in list(Path("/proc/self/fd").iterdir()):
            if each.is_socket():
                yield int(each.name)


def _listens(sock: socket.socket) -> bool:
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _unread(sock: socket.socket) -> int:
    """Bytes that have come, and that this process has not read."""
    count = fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4))
    return int.from_bytes(count, sys.byteorder)
