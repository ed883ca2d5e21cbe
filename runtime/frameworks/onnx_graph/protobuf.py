"""Protobuf: just enough of the wire format to look into an ONNX file without a library."""

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTH = 70  # bits: a longer varint is no varint


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field of a message; nested messages come as bytes.

    Raises:
        ValueError: when it is not a message.
    """
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        if kind == _BYTES:
            size, position = _varint(data, position)
        elif kind in {_FIXED64, _FIXED32}:
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"no wire type {kind}")
        if number == 0 or position + size > len(data):
            raise ValueError("ends within a field")
        yield number, data[position : position + size]
        position += size


def varints(data: memoryview) -> Iterator[int]:
    """Numbers one after the other, as a packed field has them.

    Raises:
        ValueError: when they are not.
    """
    position = 0
    while position < len(data):
        value, position = _varint(data, position)
        yield value


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while shift < _WIDTH and position < len(data):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  the continuation bit
            return value, position
        shift += 7
    raise ValueError("no end of a varint")
