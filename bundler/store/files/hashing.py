"""Hashing: copies bytes and computes their digest meanwhile."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

from ....runtime.digest import CHUNK
from ...errors import Damaged

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Read = Callable[[memoryview], int]
"""Fills the start of a buffer from the source; how many bytes, 0 at the end."""
_BUFFERS = 4  # chunks under way: one is read, one written, the others hashed


@dataclass(frozen=True, slots=True)
class Hashing:
    """Hashes `size` bytes of a source; calls `advance` with the number of bytes of each chunk."""

    size: int
    read: Read
    advance: Callable[[int], None] = lambda _: None

    def digest(self, also: Callable[[memoryview], None] = lambda _: None) -> str:
        """The digest of the bytes; calls `also` with each chunk.

        A second thread hashes, without the GIL, which halves the time.

        Raises:
            Damaged: when the source has fewer bytes.
        """
        running = hashlib.sha256()
        if self.size <= CHUNK:
            self._pass(memoryview(bytearray(self.size)), running.update, also)
        else:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(1) as pool:
                self._pass_on(pool, running.update, also)
        return "sha256:" + running.hexdigest()

    def _pass(
        self,
        buffer: memoryview,
        update: Callable[[memoryview], None],
        also: Callable[[memoryview], None],
    ) -> None:
        left = self.size
        while left:
            count = self._fill(buffer[:left], left)
            update(buffer[:count])
            also(buffer[:count])
            left -= count

    def _pass_on(
        self,
        pool: "ThreadPoolExecutor",
        update: Callable[[memoryview], None],
        also: Callable[[memoryview], None],
    ) -> None:
        left = self.size
        hashed: list[Future[None] | None] = [None] * _BUFFERS
        buffers = [memoryview(bytearray(CHUNK)) for _ in hashed]
        for slot in cycle(range(_BUFFERS)):
            if not left:
                break
            if future := hashed[slot]:
                future.result()
            count = self._fill(buffers[slot][:left], left)
            hashed[slot] = pool.submit(update, buffers[slot][:count])
            also(buffers[slot][:count])
            left -= count

    def _fill(self, buffer: memoryview, left: int) -> int:
        count = self.read(buffer)
        if not count:
            raise Damaged(f"it ends after {self.size - left:,} of {self.size:,} bytes")
        self.advance(count)
        return count
