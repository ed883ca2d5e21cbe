"""LargeBody: receives large bodies of numbers into memory that is reused.

Received in pieces, they would be copied three times on their way to a batch, and very large ones
would be written to new pages, which the kernel has to clear (see `HeapTrim`). Some of the memory of
answered bodies is kept for the next ones.
"""

import asyncio
import sys
from typing import Protocol

import numpy as np

LARGE = 1 << 17  # bytes; smaller bodies are received in pieces
ALIGNMENT = 64  # bytes, of the address of the first number
KEPT = 1 << 24  # bytes of memory that is kept for the next bodies
_IDLE = 5.0  # seconds without a large body, after which it is released
_GRAIN = 1 << 16  # bytes to which sizes of buffers are rounded up
_PIECE = 1 << 14  # bytes of a small read


class BufferPool:
    """Memory of answered bodies, kept for the next ones."""

    def __init__(self) -> None:
        self._arrays = [np.empty(0, np.uint8)]
        (self._resting,) = self._references()  # reference count of an unused array
        self._timer: asyncio.TimerHandle | None = None
        self._is_used = False  # since the timer was set

    def take(self, size: int, numbers_at: int) -> memoryview:
        """A buffer of `size` bytes, in which numbers that begin at `numbers_at` are aligned."""
        self._is_used = True
        wanted = size + ALIGNMENT
        array = next((each for each in self._free() if len(each) >= wanted), None)
        if array is None:
            array = np.empty(-(-wanted // _GRAIN) * _GRAIN, np.uint8)
            self._keep(array)
        start = -(array.ctypes.data + numbers_at) % ALIGNMENT
        return array.data[start : start + size]

    def _references(self) -> list[int]:
        return [sys.getrefcount(each) for each in self._arrays]

    def _free(self) -> list[np.ndarray]:
        """The buffers that no view refers to."""
        counts = self._references()
        return [
            each for each, count in zip(self._arrays, counts, strict=True) if count <= self._resting
        ]

    def _keep(self, array: np.ndarray) -> None:
        """Keep a buffer for later bodies if there is room; unused ones make room for it."""
        if len(array) + sum(map(len, self._arrays)) > KEPT:
            free = set(map(id, self._free()))
            self._arrays = [each for each in self._arrays if id(each) not in free]
        if len(array) + sum(map(len, self._arrays)) > KEPT:
            return
        self._arrays.append(array)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_IDLE, self._release)

    def _release(self) -> None:
        """Release all buffers if none was used since the last call."""
        self._timer = None
        if self._is_used:
            self._is_used = False
            self._timer = asyncio.get_running_loop().call_later(_IDLE, self._release)
        else:
            self._arrays.clear()


class LargeBodyConnection(Protocol):
    """The connection whose data a `LargeBody` receives."""

    def listen(self, instead: asyncio.BufferedProtocol | None, /) -> None:
        """Pass received data to `instead`; None = to the connection itself again."""

    def take_part(self, size: int, /) -> bool:
        """Count `size` received bytes of the body; returns whether they are still wanted."""

    def take_body(self, body: memoryview, /) -> None:
        """Handle the complete body."""

    def data_received(self, data: bytes, /) -> None:
        """Handle data that is not part of a large body."""

    def connection_lost(self, exc: Exception | None, /) -> None:
        """The client has closed the connection."""

    def pause_writing(self) -> None:
        """The client does not read its answers."""

    def resume_writing(self) -> None:
        """The client reads again."""


class _ConnectionProxy(asyncio.BufferedProtocol):
    """A protocol that passes all events but received data to the connection."""

    def __init__(self, connection: LargeBodyConnection) -> None:
        self._connection = connection

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has closed the connection."""
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._connection.resume_writing()


class LargeBody(_ConnectionProxy):
    """Receives the rest of one body into `room`, and no byte after it.

    `room` is where the body goes.
    """

    def __init__(self, connection: LargeBodyConnection, room: memoryview) -> None:
        super().__init__(connection)
        self._room = room
        self._size = len(room)
        self._received = 0
        self._is_kept = True

    def begin(self, first: memoryview) -> None:
        """Store the part that has arrived, and receive the rest instead of the connection."""
        self._room[: len(first)] = first
        self._connection.listen(self)
        self.buffer_updated(len(first))

    def get_buffer(self, _: int) -> memoryview:
        """Where the next bytes go; unwanted ones overwrite each other."""
        missing = self._size - self._received
        return self._room[self._received :] if self._is_kept else self._room[:missing]

    def buffer_updated(self, nbytes: int) -> None:
        """Count the received bytes."""
        self._received += nbytes
        is_kept = self._connection.take_part(nbytes)
        if self._is_kept and not is_kept:
            # The budget does not count the body any more: free its memory at once.
            self._is_kept = False
            self._room = memoryview(bytearray(_PIECE))
        if self._received == self._size:
            self._connection.listen(SmallReads(self._connection))
            self._connection.take_body(self._room)


class SmallReads(_ConnectionProxy):
    """Reads in small pieces between two large bodies, so that little of the next one is copied.

    Ends when a client sends more than that at once.
    """

    def __init__(self, connection: LargeBodyConnection) -> None:
        super().__init__(connection)
        self._room = bytearray(_PIECE)

    def get_buffer(self, _: int) -> bytearray:
        """Where the next bytes go."""
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """Pass the received bytes on."""
        if nbytes == _PIECE:
            self._connection.listen(None)
        self._connection.data_received(bytes(self._room[:nbytes]))
