"""CallChannel: connects a front to its service process, and to that one's successors."""

import logging
import mmap
import socket
from dataclasses import dataclass
from typing import Self

from ..system import fd_message

log = logging.getLogger(__name__)

_MESSAGE = 64  # bytes, at most, of the message that carries a connection


@dataclass(frozen=True, slots=True)
class CallChannel:
    """A socket pair and a shared counter, created before both processes are forked.

    Each new process sends the front one end of a new stream, because its predecessor may have died
    in the middle of a frame. It writes the number of the call that it started last to shared
    memory, so that the front knows after a crash which calls were never started.
    """

    front: socket.socket
    service: socket.socket
    taken: "memoryview[int]"

    @classmethod
    def create(cls) -> Self:
        """Create a channel; raises OSError without free descriptors or memory."""
        front, service = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(front, service, memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q"))

    def for_front(self) -> Self:
        """In the front: close the other end."""
        self.service.close()
        return self

    def for_service(self) -> Self:
        """In the service process: close the other end."""
        self.front.close()
        return self

    def close(self) -> None:
        """Close both sockets."""
        self.front.close()
        self.service.close()

    # --- through the door ---

    def knock(self, generation: int) -> socket.socket:
        """In the service process: a stream to the front."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self.service, [b"%d" % generation], [theirs.fileno()])
        ours.setblocking(False)
        return ours

    def open(self) -> tuple[int, socket.socket] | None:
        """In the front: the generation of a new process, and its stream; None if closed.

        Raises:
            BlockingIOError: when no process has connected, or there was no room for the descriptor
                of its stream; it then learns that the stream is closed, and ends.
        """
        data, descriptors = fd_message.receive(self.front, _MESSAGE, 1)
        if not data:
            return None
        if not descriptors:
            log.error("A service process cannot be connected: there is no descriptor left.")
            raise BlockingIOError
        stream = socket.socket(fileno=descriptors[0])
        stream.setblocking(False)
        return int(data), stream
