"""Protobuf: reads fields of messages without generated classes.

Source: protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Iterator

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_SIZES = {VARINT: 0, FIXED64: 8, FIXED32: 4}
_LONGEST = 10  # bytes of a varint
_KEY = 1 << 32  # a key is below; some readers drop the bits above, others refuse it
_SEVEN, _MORE = 0x7F, 0x80

Bytes = bytes | memoryview


def parts(data: Bytes, start: int, stop: int) -> Iterator[tuple[int, int, int, int, int]]:
    """The fields of a message: number, wire type, start, start of the value, end.

    Raises:
        ValueError: when what follows is no field.
    """
    while start < stop:
        key, begin = varint(data, start)
        if key >= _KEY:
            raise ValueError("no field number")
        number, kind = key >> 3, key & 7
        if kind == LENGTH:
            size, begin = varint(data, begin)
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            raise ValueError(f"no wire type {kind}")
        end = varint(data, begin)[1] if kind == VARINT else begin + size
        if number == 0 or end > stop:
            raise ValueError("ends within a field")
        yield number, kind, start, begin, end
        start = end


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field of a message; nested messages come as bytes.

    Raises:
        ValueError: when it is not a message.
    """
    for number, kind, _, begin, end in parts(data, 0, len(data)):
        yield number, varint(data, begin)[0] if kind == VARINT else data[begin:end]


def messages(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and bytes of each field that has a length: a message or a text.

    Readers pass over a field of another wire type than its message says, so one that is sought
    among these is theirs.

    Raises:
        ValueError: when it is not a message.
    """
    for number, kind, _, begin, end in parts(data, 0, len(data)):
        if kind == LENGTH:
            yield number, data[begin:end]


def varints(data: memoryview) -> Iterator[int]:
    """The numbers of a packed field.

    Raises:
        ValueError: when they are not.
    """
    position = 0
    while position < len(data):
        value, position = varint(data, position)
        yield value


def varint(data: Bytes, position: int) -> tuple[int, int]:
    """A varint, and where it ends.

    Raises:
        ValueError: when it does not end.
    """
    value = 0
    for place, byte in enumerate(data[position : position + _LONGEST]):
        value |= (byte & _SEVEN) << (7 * place)
        if byte < _MORE:
            return value, position + place + 1
    raise ValueError("no end of a varint")


def encoded(value: int) -> bytes:
    """The bytes of a number from 0."""
    made = bytearray()
    while value > _SEVEN:
        made.append(value & _SEVEN | _MORE)
        value >>= 7
    made.append(value)
    return bytes(made)
