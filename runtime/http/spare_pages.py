"""SparePages: memory that large bodies took and nobody needs any more."""

import asyncio
import ctypes
import threading

_M_MMAP_THRESHOLD = -3
_LARGE = 1 << 17  # bytes; glibc's own value, which it would raise with every larger body
_AFTER = 1.0  # seconds; many bodies that end together are one occasion


class SparePages:
    """Returns what the allocator keeps for later to the system, once in a while.

    Bodies come in thousands of pieces, between which other things lie: without being told to, the
    allocator would keep hundreds of MiB for as long as the server runs.
    """

    __slots__ = ("_is_due", "_trim")

    def __init__(self) -> None:
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc alone
        self._is_due = False

    def keep_little(self) -> None:
        """Let go of whatever is large as soon as it is free: for a process without a model."""
        if self._trim is not None:
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)

    def return_soon(self) -> None:
        """Return them, when it has become quieter; on the loop."""
        if not self._is_due and self._trim is not None:
            self._is_due = True
            asyncio.get_running_loop().call_later(_AFTER, self._begin)

    def _begin(self) -> None:
        self._is_due = False
        # It takes milliseconds, in which the lock of the interpreter is free.
        threading.Thread(target=self._trim, args=(0,), daemon=True).start()
