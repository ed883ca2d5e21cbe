"""Remedy: the hint for an error response of a registry."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import Damaged, RegistryError

AGAIN = "Run the command again: what has arrived is kept, and only the rest travels."
ELSEWHERE = "See whether it is a registry, and whether something stands between."
DAMAGED = (
    "Run the command again. Where it ends the same, the copy there is damaged: push it anew, to "
    "another repository, from a store that has it."
)
_ROOM = (
    "It has no room left: have whoever runs it make some, then run the command again; only what is "
    "missing travels."
)
_OTHERS = {
    413: "Whoever runs it, or a proxy before it, has to allow larger requests; then run the "
    "command again.",
    429: AGAIN,
    507: _ROOM,
}
_SERVER = 500


def of_status(status: int) -> str:
    """The hint for an unexpected status."""
    return _OTHERS.get(status, AGAIN if status >= _SERVER else ELSEWHERE)


def of_words(message: str) -> str:
    """The hint for an answer that asks the client to wait, from its message."""
    return _ROOM if os.strerror(errno.ENOSPC) in message else AGAIN


@contextmanager
def add_hints() -> Iterator[None]:
    """Add a hint to an error without one."""
    try:
        yield
    except RegistryError as error:
        error.hint = error.hint or AGAIN
        raise
    except Damaged as error:
        error.hint = error.hint or DAMAGED
        raise
