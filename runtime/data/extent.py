"""Extent: how much JSON rows can be at all, known before any of it is parsed."""

import math

from ..errors import PayloadTooLarge
from ..signature import Field, Side
from .column import family

_LARGE = 1 << 20  # bytes; what less of them become is no burden


def check(side: Side, most_rows: int, body: bytes) -> None:
    """Refuse a large body with more lists and objects than rows of this shape can have.

    An empty list takes three bytes of JSON and seventy of memory: sixteen MiB of them are four
    hundred.

    Raises:
        PayloadTooLarge: before any of it is parsed.
    """
    if len(body) < _LARGE:
        return
    most = most_rows * containers(side) + 2
    if math.isfinite(most) and body.count(b"[") + body.count(b"{") > most:
        raise PayloadTooLarge(
            f"The body has more lists and objects than {most_rows} rows, which this server takes "
            "at once."
        )


def containers(side: Side) -> float:
    """Lists and objects in one row, at most."""
    if side.layout == "objects":
        return math.inf
    own = 0 if side.layout == "array" else 1
    return own + sum(map(_lists, side.fields))


def _lists(field: Field) -> float:
    """Lists in one value; where it may be text, nobody knows what that has in it."""
    sizes = field.shape[1:]
    if family(field.dtype) not in "fib" or None in sizes:
        return math.inf
    lists, count = 1, 1
    for size in sizes[:-1]:
        count *= size or 0
        lists += count
    return lists if sizes else 0
