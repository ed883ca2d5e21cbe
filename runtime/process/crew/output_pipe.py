"""OutputPipe: a pipe from a worker to its supervisor."""

import os
from collections.abc import Callable

_PIECE = 1 << 16


class OutputPipe:
    """One pipe; `hear` is called with what is read from it.

    reader  the supervisor's descriptor
    writer  the worker's
    """

    def __init__(self, hear: Callable[[bytes], None]) -> None:
        self.reader, self.writer = os.pipe()
        self.is_closed = False
        self._hear = hear

    def listen(self) -> None:
        """In the supervisor: keep the end to read from."""
        os.close(self.writer)
        os.set_blocking(self.reader, False)

    def read(self) -> bool:
        """Hear what has come; False once nothing more can. It stays open until it is closed.

        Whoever waits for `reader` gives that up first. A fork may have it, too, until it runs: once
        it is closed here, the kernel would tell of its end without end, and nobody could stop it.
        """
        try:
            data = os.read(self.reader, _PIECE)
        except BlockingIOError:
            return True
        if data:
            self._hear(data)
        return bool(data)

    def finish(self) -> None:
        """Hear what a dead worker left; its own children may keep the pipe open for long."""
        while not self.is_closed:
            try:
                data = os.read(self.reader, _PIECE)
            except BlockingIOError:
                data = b""
            if data:
                self._hear(data)
            else:
                self.close()

    def abandon(self) -> None:
        """Close both ends, as no process writes to it."""
        os.close(self.writer)
        self.close()

    def close(self) -> None:
        """Hear nothing more."""
        os.close(self.reader)
        self.is_closed = True
