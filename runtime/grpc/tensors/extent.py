"""Extent: bounds the number of JSON values in a message before it is parsed.

An empty `Value` takes two bytes of a message and fifty of memory: sixteen MiB of them are four
hundred.
"""

from collections.abc import Mapping

from ... import protobuf
from ...errors import PayloadTooLarge

Fields = Mapping[int, "Fields | None"]
"""The fields with JSON, by number, with their own such fields; None = the field is all JSON."""

_MOST = 1 << 19  # values
_LEAST = 2 * _MOST  # bytes; a shorter message cannot have as many
_TAG = b"\n"  # field 1 with a length: each value of a list, each entry of an object


def check(data: bytes, fields: Fields) -> None:
    """Refuse a message with more than `most` JSON values.

    Raises:
        PayloadTooLarge: before any of it is parsed.
    """
    if len(data) >= _LEAST and count(data, fields, 0, len(data)) > _MOST:
        raise PayloadTooLarge(
            f"The message may have more than {_MOST} values in lists and objects: send a tensor."
        )


def count(data: bytes, fields: Fields | None, start: int, stop: int) -> int:
    """The largest number of values in a part of a message; its length if it is malformed."""
    if fields is None:
        return data.count(_TAG, start, stop)
    total, sound = 0, start
    try:
        for number, kind, _, begin, sound in protobuf.parts(data, start, stop):
            if number in fields and kind == protobuf.LENGTH:
                total += count(data, fields[number], begin, sound)
    except ValueError:
        total += data.count(_TAG, sound, stop)
    return total
