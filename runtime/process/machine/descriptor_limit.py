"""DescriptorLimit: no more connections than there are descriptors for.

A process that has none left takes whoever comes from the queue of the socket and drops him, with
what he has sent. Whoever stays in the queue is only answered later.
"""

import resource
from contextlib import suppress
from pathlib import Path

BACKLOG = 2048  # the longest queue: what comes from it at once, before anybody can count
RESERVE = 16  # descriptors for all that is no connection: a model that comes, a decoder
_SHARE = 4  # of what is free, as much for each of the two where there is little


def allow_all() -> None:
    """Have as many descriptors as this process may give itself; shells hand out 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class DescriptorLimit:
    """Counts what is free.

    used   descriptors that are open without any connection
    """

    def __init__(self) -> None:
        self.used = _open()

    @property
    def _free(self) -> int:
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = 1 << 30 if limit == resource.RLIM_INFINITY else limit
        return max(0, most - self.used)

    @property
    def backlog(self) -> int:
        """How long the queue of the socket may be."""
        return max(1, min(BACKLOG, self._free // _SHARE))

    def is_full(self, connections: int) -> bool:
        """Whether another burst would be one too many."""
        free = self._free
        return connections >= max(1, free - self.backlog - min(RESERVE, free // _SHARE))


def _open() -> int:
    with suppress(OSError):  # no /proc
        return len(list(Path("/proc/self/fd").iterdir()))
    return 0
