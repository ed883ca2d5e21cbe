"""HeapTrim: gives memory of large bodies back to the system."""

import asyncio
import ctypes
import threading

_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1
_LARGE = 1 << 20  # bytes; left alone, glibc would raise it with every larger body
_MOST = 1 << 24  # bytes that are kept until they are returned together
_AFTER = 1.0  # seconds; many bodies that end together are one occasion


class HeapTrim:
    """Returns free memory of the allocator to the system, once in a while.

    Bodies arrive in thousands of pieces, with other objects in between, so the allocator would
    keep hundreds of MiB for as long as the server runs.
    """

    __slots__ = ("_is_due", "_trim")

    def __init__(self) -> None:
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc alone
        self._is_due = False

    def keep_little(self) -> None:
        """Free large blocks at once: for a process without a model.

        Blocks below a megabyte are kept, because they are used again and again: new pages, which
        the kernel has to clear, would take twice the time.
        """
        if self._trim is not None:
            library = ctypes.CDLL(None)
            library.mallopt(_M_MMAP_THRESHOLD, _LARGE)
            library.mallopt(_M_TRIM_THRESHOLD, _MOST)

    def return_soon(self) -> None:
        """Return them, when it has become quieter; on the loop."""
        if not self._is_due and self._trim is not None:
            self._is_due = True
            asyncio.get_running_loop().call_later(_AFTER, self._begin)

    def _begin(self) -> None:
        self._is_due = False
        # It takes milliseconds, without holding the GIL.
        threading.Thread(target=self._trim, args=(0,), daemon=True).start()
