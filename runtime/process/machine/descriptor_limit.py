"""DescriptorLimit: accepts no more connections than there are file descriptors.

Without a free descriptor, asyncio accepts connections and drops them together with their requests.
Connections that stay in the accept queue are only answered later.
"""

import resource
from contextlib import suppress
from pathlib import Path

BACKLOG = 2048  # the longest accept queue: so many may be accepted before they are counted
RESERVE = 16  # descriptors for everything else, such as a model that is loaded, or a decoder
_SHARE = 4  # the reserve, as a fraction of the free ones, if those are few


def allow_all() -> None:
    """Raise the limit of file descriptors as far as this process may; shells often set 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class DescriptorLimit:
    """Counts the free file descriptors.

    used   descriptors that are open while there are no connections
    """

    def __init__(self) -> None:
        self.used = _open()

    @property
    def _free(self) -> int:
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = 1 << 30 if limit == resource.RLIM_INFINITY else limit
        return max(0, most - self.used)

    @property
    def is_scarce(self) -> bool:
        """Whether accepting the whole queue, which refills meanwhile, may use up all of them."""
        return self._free < _SHARE * BACKLOG

    def is_full(self, connections: int, *, one_by_one: bool) -> bool:
        """Whether no more connections may be accepted, one by one or the whole queue at once."""
        free = self._free
        burst = 0 if one_by_one else min(BACKLOG, free // _SHARE)
        return connections >= max(1, free - burst - min(RESERVE, free // _SHARE))


def _open() -> int:
    with suppress(OSError):  # no /proc
        return len(list(Path("/proc/self/fd").iterdir()))
    return 0
