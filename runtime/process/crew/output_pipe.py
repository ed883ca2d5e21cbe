"""OutputPipe: a pipe from a worker to its supervisor."""

import os
from collections.abc import Callable

_PIECE = 1 << 16
_PIECES = 16  # that a pipe holds at most, unless somebody with privileges has enlarged it


class OutputPipe:
    """A pipe; `on_data` is called with the bytes that are read from it.

    reader  the supervisor's descriptor
    writer  the worker's
    """

    def __init__(self, on_data: Callable[[bytes], None]) -> None:
        self.reader, self.writer = os.pipe()
        self.is_closed = False
        self._on_data = on_data

    def listen(self) -> None:
        """In the supervisor: close the write end."""
        os.close(self.writer)
        os.set_blocking(self.reader, False)

    def read(self) -> bool:
        """Read the available data; False at the end of the stream, which does not close the pipe.

        Unregister `reader` from epoll before closing it: while a fork still holds a duplicate,
        epoll keeps reporting the end of a closed descriptor, which cannot be unregistered any more.
        """
        try:
            data = os.read(self.reader, _PIECE)
        except BlockingIOError:
            return True
        if data:
            self._on_data(data)
        return bool(data)

    def finish(self) -> None:
        """Read what a dead worker wrote and close the pipe; its children may still write to it."""
        for _ in range(_PIECES):
            try:
                data = os.read(self.reader, _PIECE)
            except BlockingIOError:
                break
            if not data:
                break
            self._on_data(data)
        self.close()

    def abandon(self) -> None:
        """Close both ends, of a pipe that no process got."""
        os.close(self.writer)
        self.close()

    def close(self) -> None:
        """Close the read end."""
        os.close(self.reader)
        self.is_closed = True
