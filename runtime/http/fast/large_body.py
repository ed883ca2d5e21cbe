"""LargeBody: receives large bodies of numbers into memory that is reused.

In pieces they would be copied three times on their way to a batch, and what is really large would
be written to fresh pages, which the kernel has to clear (see `HeapTrim`). The memory that holds
bodies here is kept, a little of it, for others.
"""

import asyncio
import sys
from typing import Protocol

import numpy as np

LARGE = 1 << 17  # bytes of a body that is received so
ALIGNMENT = 64  # bytes: where numbers begin
KEPT = 1 << 24  # bytes of memory that is kept for bodies to come
_IDLE = 5.0  # seconds after which it is not
_GRAIN = 1 << 16  # bytes
_PIECE = 1 << 14  # bytes that are heard at a time


class Spares:
    """Memory of answered bodies, kept for the next ones."""

    def __init__(self) -> None:
        self._arrays = [np.empty(0, np.uint8)]
        (self._resting,) = self._references()  # to an array that nobody uses
        self._timer: asyncio.TimerHandle | None = None
        self._is_used = False  # since the timer was set

    def take(self, size: int, numbers_at: int) -> memoryview:
        """Room for `size` bytes, in which numbers that begin at `numbers_at` are aligned."""
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
        """Keep it for others, where there is room; what is too small now makes some."""
        if len(array) + sum(map(len, self._arrays)) > KEPT:
            free = set(map(id, self._free()))
            self._arrays = [each for each in self._arrays if id(each) not in free]
        if len(array) + sum(map(len, self._arrays)) > KEPT:
            return
        self._arrays.append(array)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_IDLE, self._let_go)

    def _let_go(self) -> None:
        """Keep nothing, once there was nothing to receive for a while."""
        self._timer = None
        if self._is_used:
            self._is_used = False
            self._timer = asyncio.get_running_loop().call_later(_IDLE, self._let_go)
        else:
            self._arrays.clear()


class LargeBodyConnection(Protocol):
    """The connection that a `LargeBody` stands in for."""

    def listen(self, instead: asyncio.BufferedProtocol | None, /) -> None:
        """Have somebody else hear what the client says, or nobody else."""

    def take_part(self, size: int, /) -> bool:
        """So many bytes more have come; whether they are to be kept."""

    def take_body(self, body: memoryview, /) -> None:
        """All of it has."""

    def data_received(self, data: bytes, /) -> None:
        """Something that is no part of a large body has come."""

    def connection_lost(self, exc: Exception | None, /) -> None:
        """There is nobody any more."""

    def pause_writing(self) -> None:
        """The client does not read."""

    def resume_writing(self) -> None:
        """It reads again."""


class _Substitute(asyncio.BufferedProtocol):
    """Hears what a client says in the place of its connection."""

    def __init__(self, connection: LargeBodyConnection) -> None:
        self._connection = connection

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nobody any more."""
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """It reads again."""
        self._connection.resume_writing()


class LargeBody(_Substitute):
    """Receives the rest of one body, and no byte of what follows it.

    `room` is where the body goes.
    """

    def __init__(self, connection: LargeBodyConnection, room: memoryview) -> None:
        super().__init__(connection)
        self._room = room
        self._size = len(room)
        self._received = 0
        self._is_kept = True

    def begin(self, first: memoryview) -> None:
        """Take what has come of it, and hear the rest instead of the connection."""
        self._room[: len(first)] = first
        self._connection.listen(self)
        self._count(len(first))

    def get_buffer(self, _: int) -> memoryview:
        """Where the next bytes go; those that nobody wants, over one another."""
        missing = self._size - self._received
        return self._room[self._received :] if self._is_kept else self._room[:missing]

    def buffer_updated(self, nbytes: int) -> None:
        """So many have come."""
        self._count(nbytes)

    def _count(self, size: int) -> None:
        self._received += size
        is_kept = self._connection.take_part(size)
        if self._is_kept and not is_kept:
            # What has come is in no budget any more: it must not stay until the rest is there.
            self._is_kept = False
            self._room = memoryview(bytearray(_PIECE))
        if self._received == self._size:
            self._connection.listen(Interlude(self._connection))
            self._connection.take_body(self._room)


class Interlude(_Substitute):
    """Reads in small pieces between two large bodies, so that little of the next one is copied.

    Ends where more comes that is no such body.
    """

    def __init__(self, connection: LargeBodyConnection) -> None:
        super().__init__(connection)
        self._room = bytearray(_PIECE)

    def get_buffer(self, _: int) -> bytearray:
        """Where the next bytes go."""
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """So many have come."""
        if nbytes == _PIECE:
            self._connection.listen(None)
        self._connection.data_received(bytes(self._room[:nbytes]))
