"""Parses responses as far as a load generator needs it: their end and their status."""

from typing import NamedTuple

_MOST_KNOWN = 4096  # cached heads, at most: some servers send a different id in each answer
_BREAK = b"\r\n"
END = b"\r\n\r\n"


class NotHttp(ValueError):
    """The bytes are no response of HTTP/1."""


class Head(NamedTuple):
    """The part of a response's head that describes its body.

    length   bytes of the body; -1 = in chunks, -2 = until the connection is closed
    """

    status: int
    length: int
    is_last: bool  # on this connection


class Heads:
    """Heads that were read before: most answers of a server have the same."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def get(self, head: bytes) -> Head:
        """Parse a head without its final blank line; raises NotHttp if it is invalid."""
        found = self._known.get(head)
        if found is None:
            found = parse(head)
            if len(self._known) < _MOST_KNOWN:
                self._known[head] = found
        return found


def parse(head: bytes) -> Head:
    """Parse the status line and the three headers that determine the end of the body.

    Raises:
        NotHttp: when it is invalid.
    """
    first, *lines = head.split(_BREAK)
    if not first.startswith(b"HTTP/1.") or not first[9:12].isdigit():
        raise NotHttp(f"The answer begins with {first[:40]!r}.")
    fields = {name.strip().lower(): value.strip() for name, _, value in _fields(lines)}
    status = int(first[9:12])
    connection = fields.get(b"connection", b"").lower()
    is_last = connection == b"close" or (first[7:8] == b"0" and connection != b"keep-alive")
    return Head(status, _length(status, fields), is_last)


def _fields(lines: list[bytes]) -> list[tuple[bytes, bytes, bytes]]:
    return [line.partition(b":") for line in lines]


def _length(status: int, fields: dict[bytes, bytes]) -> int:
    if status in {204, 304}:
        return 0
    if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
        return -1
    length = fields.get(b"content-length", b"")
    return int(length) if length.isdigit() else -2


def dechunked(data: bytes, start: int) -> bytes | None:
    """The body whose chunks begin at `start`; None while it is incomplete.

    Raises:
        NotHttp: when a chunk has no size.
    """
    parts: list[bytes] = []
    while (end := data.find(_BREAK, start)) >= 0:
        try:
            size = int(data[start:end].partition(b";")[0], 16)
        except ValueError:
            raise NotHttp(f"A chunk begins with {data[start:end][:40]!r}.") from None
        begin, start = end + 2, end + 2 + size + 2
        if len(data) < start:
            return None
        if size == 0:
            return b"".join(parts)
        parts.append(data[begin : begin + size])
    return None
