"""FdMessage: bytes and file descriptors that came together over a UNIX socket."""

import os
import socket
from array import array
from typing import NamedTuple

_PRIVATE = getattr(socket, "MSG_CMSG_CLOEXEC", 0)  # macOS has none


class FdMessage(NamedTuple):
    """One message; no program that is started inherits its descriptors, which are the caller's."""

    data: bytes
    descriptors: list[int]


def receive(sock: socket.socket, size: int, most: int) -> FdMessage:
    """The next message, of up to `size` bytes and `most` descriptors.

    `socket.recv_fds` takes flags, too, and ignores them.

    Raises:
        OSError: as `socket.recvmsg`.
    """
    found = array("i")
    data, parts, _, _ = sock.recvmsg(size, socket.CMSG_LEN(most * found.itemsize), _PRIVATE)
    for level, kind, part in parts:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(part[: len(part) - len(part) % found.itemsize])
    descriptors = found.tolist()
    if not _PRIVATE:
        for each in descriptors:
            os.set_inheritable(each, False)
    return FdMessage(data, descriptors)
