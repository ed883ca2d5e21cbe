"""A process that has next to no descriptors left."""

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def few_descriptors(free: int) -> Iterator[Callable[[], bool]]:
    """Only `free` further descriptors can be opened; gives whether as many are still free."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    try:
        highest = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 32, limits[1]))
        with suppress(OSError):
            while True:
                held.append(os.dup(0))
        for _ in range(free):
            os.close(held.pop())
        yield lambda: _free() == free
    finally:
        for each in held:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def _free() -> int:
    opened = []
    try:
        with suppress(OSError):
            while True:
                opened.append(os.dup(0))
    finally:
        for each in opened:
            os.close(each)
    return len(opened)
