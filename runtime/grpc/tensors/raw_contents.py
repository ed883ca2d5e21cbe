"""Raw contents: the tensors of a large `ModelInferRequest`, where they stand in the message.

protobuf would copy them into the message, and once more for whoever asks. Source of the form:
protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Callable
from typing import Any

LARGE = 1 << 16  # bytes of a message that is worth it
_FIELD = 7  # raw_input_contents
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MOST = 10  # bytes of a varint
_MOST_FIELDS = 1 << 14  # of a message, each of which is an object here
_FIXED = {_FIXED64: 8, _FIXED32: 4}


class Malformed(Exception):
    """The bytes are no message, or one that nobody writes: protobuf has the words for it."""


class WithRaw:
    """A message whose raw contents are views of what came; all else is in the message itself."""

    __slots__ = ("_message", "raw_input_contents")

    def __init__(self, message: Any, raw: list[memoryview]) -> None:
        self._message = message
        self.raw_input_contents = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._message, name)


def reader(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """What reads requests as `parse` does, without its copies of much that is raw."""

    def read(data: bytes) -> Any:
        if len(data) < LARGE:
            return parse(data)
        try:
            rest, raw = cut(data)
        except Malformed:
            return parse(data)
        return WithRaw(parse(rest), raw) if raw else parse(data)

    return read


def cut(data: bytes) -> tuple[bytes, list[memoryview]]:
    """A message without its raw contents, and those.

    Raises:
        Malformed: see there.
    """
    view = memoryview(data)
    rest: list[memoryview] = []
    raw: list[memoryview] = []
    position, end = 0, len(data)
    while position < end:
        if len(rest) + len(raw) == _MOST_FIELDS:
            raise Malformed
        start = position
        tag, position = _varint(data, position)
        field, kind = tag >> 3, tag & 7
        if kind == _LENGTH:
            size, position = _varint(data, position)
            position += size
            if field == _FIELD and position <= end:
                raw.append(view[position - size : position])
                continue
        elif kind == _VARINT:
            _, position = _varint(data, position)
        else:
            position += _fixed(kind)
        if position > end:
            raise Malformed
        rest.append(view[start:position])
    return b"".join(rest), raw


def _fixed(kind: int) -> int:
    size = _FIXED.get(kind)
    if size is None:
        raise Malformed
    return size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A number, and where it ends."""
    value = 0
    for place, byte in enumerate(data[position : position + _MOST]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:  # noqa: PLR2004  there is no more of it
            return value, position + place + 1
    raise Malformed
