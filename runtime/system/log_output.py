"""LogOutput: stdout or stderr as a log that never blocks, even when nobody reads it.

A pipe that nobody reads is full after 64 KiB; whoever writes then hangs until somebody does.
"""

import os
import select
import socket
import stat
from collections import deque
from contextlib import suppress

PATIENCE = 0.2  # seconds without progress after which a slow reader counts as stopped
MOST = 1 << 20  # bytes that are kept for it
_LOST = (
    b'{"level":"warning","message":"%d pieces of the log were lost: nobody read them.",'
    b'"logger":"modelbundle.runtime.system.log_output"}\n'
)

_Place = tuple[int, int]
"""Device and inode of an open file."""


class LogOutput:
    """Writes lines in order, buffers up to 1 MiB that is not read, and drops the rest.

    It writes through a non-blocking descriptor of its own, because other processes may share the
    given one. If the given number is opened anew, it follows.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._place: _Place | None = None
        self._own = -1
        self._is_socket = False
        self._may_wait = False
        self._is_stuck = False
        self._is_torn = False  # the last piece was written only in part
        self._kept: deque[bytes] = deque()
        self._size = 0
        self._lost = 0

    def write(self, data: bytes) -> None:
        """Write `data`, which is one line or more, now or as soon as there is room."""
        if not self._is_open():
            return
        if self._kept and self._size + len(data) > MOST:
            self._lost += 1
        else:
            # The disk was full in the middle of a line: the next one does not end that.
            self._keep(b"\n" + data if self._is_torn and not self._kept else data)
        with suppress(OSError):  # a closed pipe or a full disk must not stop the process
            self._flush()
            return
        self._forget()

    def flush(self) -> None:
        """Nothing, for `sys.stdout` and its like."""

    def end(self) -> None:
        """Write what is buffered, if it is read soon."""
        self._is_stuck = False
        with suppress(OSError):
            while self._kept and not self._is_stuck:
                self._flush()

    def _keep(self, data: bytes) -> None:
        self._kept.append(data)
        self._size += len(data)

    def _forget(self) -> None:
        self._kept.clear()
        self._size = self._lost = 0

    def _flush(self) -> None:
        while self._kept:
            try:
                sent = self._write(self._kept[0])
            except BlockingIOError:
                if self._is_stuck or not _has_room(self._own, PATIENCE):
                    self._is_stuck = True
                    return
                continue
            self._size -= sent
            piece = self._kept.popleft()
            self._is_torn = sent < len(piece)
            if self._is_torn:
                self._kept.appendleft(piece[sent:])
            elif not self._kept and self._lost:
                lost, self._lost = self._lost, 0
                self._keep(_LOST % lost)
        self._is_stuck = False  # not earlier: a slow reader must not slow the process down

    def _write(self, data: bytes) -> int:
        if not self._is_socket:
            # A writable pipe has room for at least so much, unless another process was faster.
            if self._may_wait and not _has_room(self._own, 0.0):
                raise BlockingIOError
            return os.write(self._own, data[: select.PIPE_BUF] if self._may_wait else data)
        with socket.socket(fileno=os.dup(self._own)) as sock:
            return sock.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)

    def _is_open(self) -> bool:
        """Reopen the own descriptor if the number means another file now; False if it is closed."""
        try:
            status = os.fstat(self._number)
            if (status.st_dev, status.st_ino) != self._place:
                self._reopen(status.st_mode)
                self._place = status.st_dev, status.st_ino
        except OSError:
            return False
        return True

    def _reopen(self, mode: int) -> None:
        old, self._own = self._own, _opened_anew(self._number, mode)
        self._is_socket, self._is_stuck, self._is_torn = stat.S_ISSOCK(mode), False, False
        is_slow = stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)
        self._may_wait = is_slow and os.get_blocking(self._own)
        self._forget()
        if old >= 0:
            os.close(old)


def _opened_anew(number: int, mode: int) -> int:
    """A non-blocking descriptor of the same file; the given one stays as it is.

    A blocking duplicate if the file belongs to another user, as stdout of a container may.
    """
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        with suppress(OSError):
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            return os.open(f"/proc/self/fd/{number}", flags)
    return os.dup(number)


def _has_room(descriptor: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(1000 * seconds))


STDOUT = LogOutput(1)
STDERR = LogOutput(2)
