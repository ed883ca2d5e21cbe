"""Listeners: the sockets that grpc listens on in this process, which it does not hand out."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .newcomers import turn_away


def quiet(port: int) -> None:
    """Have the kernel let nobody else in at `port`, while those who are in are still taken.

    Closing a listening socket resets whoever waits in its queue.
    """
    for descriptor in _descriptors():
        with suppress(OSError):
            copy = socket.socket(fileno=os.dup(descriptor))
            try:
                if _listens(copy, port):
                    turn_away(copy)
            finally:
                copy.close()


def _descriptors() -> Iterator[int]:
    with suppress(OSError):  # no /proc: then the little that may be lost is lost
        for each in Path("/proc/self/fd").iterdir():
            yield int(each.name)


def _listens(sock: socket.socket, port: int) -> bool:
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return False
    return sock.family in {socket.AF_INET, socket.AF_INET6} and sock.getsockname()[1] == port
