"""Slab: shared memory of two processes, which grows as batches need it."""

import ctypes
import mmap
import os
import sys
from typing import Any, Self

import numpy as np

GRAIN = 1 << 16  # bytes: slabs grow by multiples of it, and the first is there from the start
KEPT = 1 << 26  # bytes; memory beyond it is released after a batch
ALIGNMENT = 64  # bytes: where an array may begin; a cache line, and what vector code likes

_NOTHING = np.empty(0, np.uint8)
_FIXED = 0x10  # Linux's MAP_FIXED, which Python's mmap has no name for


class Slab:
    """A memfd mapped by one process; the writer grows it, and the reader maps it again.

    root   the mapped bytes; all arrays on the slab are views of it
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.root = _NOTHING
        self._resting = 0  # references to `root` while no array on it is in use

    @classmethod
    def create(cls, name: str) -> Self:
        """Create a slab; its descriptor is inherited by forks."""
        descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
        try:
            os.posix_fallocate(descriptor, 0, GRAIN)
        except OSError:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def close(self) -> None:
        """Close the descriptor; arrays that are in use keep the memory."""
        os.close(self.descriptor)
        self.root = _NOTHING

    def reserve(self, size: int) -> None:
        """Before writing: make room for `size` bytes.

        The pages are allocated here, because a write to a page without memory would be a SIGBUS.

        Raises:
            MemoryError: when they cannot be allocated.
        """
        if size <= len(self.root):
            return
        # An eighth more, so that slowly growing batches do not make it grow each time.
        grown = -(-(size + size // 8) // GRAIN) * GRAIN
        try:
            os.posix_fallocate(self.descriptor, 0, grown)
            self._map(grown)
        except OSError as error:
            raise MemoryError(f"No shared memory for {size} bytes: {error.strerror}.") from error

    def follow(self, size: int) -> None:
        """Before reading: map the `size` bytes that the other process reports as written.

        Raises:
            ValueError: when the slab is smaller; reading beyond its end would be a SIGBUS.
            MemoryError: when they cannot be mapped.
        """
        if size <= len(self.root):
            return
        there = os.fstat(self.descriptor).st_size
        if size > there:
            raise ValueError(f"A slab of {there} bytes was said to hold {size}.")
        try:
            self._map(there)
        except OSError as error:
            raise MemoryError(f"No memory for {size} bytes: {error.strerror}.") from error

    def trim(self, size: int) -> None:
        """In the front, after a batch of `size` bytes: release memory beyond what is kept.

        The model process calls `forget` with the same number before it answers.
        """
        if size > KEPT:
            self.reset()

    def reset(self) -> None:
        """Shrink a large slab to its initial size, when the other process does not use it."""
        if os.fstat(self.descriptor).st_size > KEPT:
            os.ftruncate(self.descriptor, GRAIN)
        self.root = _NOTHING

    def forget(self, size: int) -> None:
        """Unmap the slab until the next batch, if `size` bytes are more than is kept."""
        if size > KEPT:
            self.root = _NOTHING

    @property
    def is_held(self) -> bool:
        """Whether an array on the slab is still referenced."""
        return len(self.root) > 0 and sys.getrefcount(self.root) > self._resting

    def detach(self) -> None:
        """Detach this process's view: arrays on it keep their values in private memory."""
        size = len(self.root)
        address = self.root.ctypes.data
        content = self.root.tobytes()
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _FIXED
        libc = _libc()
        if libc.mmap(address, size, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0) != address:
            raise MemoryError(f"No memory to keep {size} bytes of a batch.")
        ctypes.memmove(address, content, size)
        self.root = _NOTHING

    def _map(self, size: int) -> None:
        flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
        self.root = np.frombuffer(mmap.mmap(self.descriptor, size, flags), np.uint8)
        self._resting = sys.getrefcount(self.root)


def _libc() -> Any:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_size_t
    libc.mmap.argtypes = (
        ctypes.c_size_t,
        ctypes.c_size_t,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_long,
    )
    return libc
