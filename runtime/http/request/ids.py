"""Ids: random ids for requests without one."""

import os

_DIGITS = 16  # of one
_AT_ONCE = 256


class Ids:
    """Sixteen random hexadecimal digits each; made many at a time."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: list[bytes] = []

    def next(self) -> bytes:
        """A new one."""
        if not self._made:
            digits = os.urandom(_AT_ONCE * _DIGITS // 2).hex().encode()
            self._made = [digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)]
        return self._made.pop()
