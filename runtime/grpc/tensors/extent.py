"""Extent: how many JSON values a message can hold, known before any of it is parsed.

An empty `Value` takes two bytes of a message and fifty of memory: sixteen MiB of them are four
hundred. Source of the form: protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Iterator, Mapping

from ...errors import PayloadTooLarge

Fields = Mapping[int, "Fields | None"]
"""Where JSON stands: fields by number, with those in them; None for one that is all JSON."""

_MOST = 1 << 19  # values
_LEAST = 2 * _MOST  # bytes; a shorter message cannot have as many
_TAG = b"\n"  # field 1 with a length: each value of a list, each entry of an object
_WIRE, _NUMBER = 7, 3  # bits of a tag: how long the field is, and after so many, which it is
_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5


def check(data: bytes, fields: Fields) -> None:
    """Refuse a message with more JSON values than anybody needs, at most.

    Raises:
        PayloadTooLarge: before any of it is parsed.
    """
    if len(data) >= _LEAST and count(data, fields, 0, len(data)) > _MOST:
        raise PayloadTooLarge(
            f"The message may have more than {_MOST} values in lists and objects: send a tensor."
        )


def count(data: bytes, fields: Fields | None, start: int, stop: int) -> int:
    """How many values a part of a message can have at most; of what is not sound, all of it."""
    if fields is None:
        return data.count(_TAG, start, stop)
    total = 0
    for number, begin, end in _parts(data, start, stop):
        if number is None:
            total += data.count(_TAG, begin, end)
        elif number in fields:
            total += count(data, fields[number], begin, end)
    return total


def _parts(data: bytes, at: int, stop: int) -> Iterator[tuple[int | None, int, int]]:
    """Fields with a length, and where they are; without a number, all from where it is unsound."""
    while at < stop:
        begin = at
        tag, at = _varint(data, at, stop)
        wire = tag & _WIRE
        size = {_EIGHT: 8, _FOUR: 4}.get(wire, 0)
        if wire in {_VARINT, _LENGTH}:
            size, at = _varint(data, at, stop)
        if wire == _VARINT:
            continue
        if wire not in {_EIGHT, _FOUR, _LENGTH} or at + size > stop:
            yield None, begin, stop
            return
        if wire == _LENGTH:
            yield tag >> _NUMBER, at, at + size
        at += size


def _varint(data: bytes, at: int, stop: int) -> tuple[int, int]:
    """A number, and where it ends; what is cut off ends where the rest does."""
    value = shift = 0
    while at < stop:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  the bit that says that there is more
            return value, at
        shift += 7
        if shift > 63:  # noqa: PLR2004  bits that a number has
            break
    return _LENGTH, stop
