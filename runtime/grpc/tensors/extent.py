"""Extent: bounds the number of JSON values in a message before it is parsed.

An empty `Value` takes two bytes of a message and fifty of memory: sixteen MiB of them are four
hundred.
"""

from collections.abc import Mapping

from ... import protobuf
from ...errors import PayloadTooLarge

Fields = Mapping[int, "Fields | None"]
"""Where JSON stands: fields by number, with those in them; None for one that is all JSON."""

_MOST = 1 << 19  # values
_LEAST = 2 * _MOST  # bytes; a shorter message cannot have as many
_TAG = b"\n"  # field 1 with a length: each value of a list, each entry of an object


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
    total, sound = 0, start
    try:
        for number, kind, _, begin, sound in protobuf.parts(data, start, stop):
            if number in fields and kind == protobuf.LENGTH:
                total += count(data, fields[number], begin, sound)
    except ValueError:
        total += data.count(_TAG, sound, stop)
    return total
