"""Ids: random ids for requests without one."""

import os

_SIZE = 8  # random bytes of one
_BUFFERED = 256


class Ids:
    """Sixteen random hexadecimal digits each; made from larger reads of random bytes."""

    __slots__ = ("_digits", "_next")

    def __init__(self) -> None:
        self._digits = b""
        self._next = 0

    def next(self) -> bytes:
        """A new one."""
        start = self._next
        if start >= len(self._digits):
            self._digits = os.urandom(_SIZE * _BUFFERED).hex().encode()
            start = 0
        self._next = stop = start + 2 * _SIZE
        return self._digits[start:stop]
