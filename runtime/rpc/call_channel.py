"""CallChannel: connects a front to its service process, and to that one's successors."""

import mmap
import socket
from dataclasses import dataclass
from typing import Self

_MESSAGE = 64  # bytes, at most, of what comes with a connection


@dataclass(frozen=True, slots=True)
class CallChannel:
    """A socket pair and a shared counter, created before both processes are forked.

    Each process that begins sends the front, through the door, one end of a stream of its own: a
    process that died may have left half a word on the last one. It notes the number of the last
    call that it took up in memory that both see, so that the front knows, after its death, which
    calls it had never begun.
    """

    front: socket.socket
    service: socket.socket
    taken: "memoryview[int]"

    @classmethod
    def create(cls) -> Self:
        """A new one; raises OSError when there are no descriptors or no memory left."""
        front, service = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(front, service, memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q"))

    def for_front(self) -> Self:
        """In the front: keep its end alone."""
        self.service.close()
        return self

    def for_service(self) -> Self:
        """In the service process: keep its end alone."""
        self.front.close()
        return self

    def close(self) -> None:
        """Let all of it go."""
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
        """In the front: who knocks, as a generation, and the stream to it; None = nobody can.

        Raises:
            BlockingIOError: when there is nobody.
        """
        data, descriptors, _, _ = socket.recv_fds(self.front, _MESSAGE, 1)
        if not data or not descriptors:
            return None
        stream = socket.socket(fileno=descriptors[0])
        stream.setblocking(False)
        return int(data), stream
