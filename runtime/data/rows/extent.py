"""Extent: bounds the number of JSON lists and objects in a body before it is parsed."""

import math
from collections.abc import Sequence

from ...errors import PayloadTooLarge
from ...manifests.signature import Field, Side
from .column import family

_LARGE = 1 << 20  # bytes; what less of them become is no burden
_MOST_HOLLOW = 1 << 16  # empty lists in an array without a value
_MOST_SIZES = 1 << 40  # of all its axes, without those of 0


def check_rows(rows: int, most: int) -> None:
    """Refuse more rows than one request may have; raises PayloadTooLarge."""
    if rows > most:
        raise PayloadTooLarge(
            f"The request has {rows} rows; this server takes up to {most} at once."
        )


def lines(body: bytes, most: int) -> list[bytes]:
    """The lines of a body that are not blank; raises PayloadTooLarge for more than `most`."""
    found = [line for line in body.split(b"\n", most + 1) if line.strip()]
    if len(found) > most:
        raise PayloadTooLarge(f"The body has more than {most} lines, which this server takes.")
    return found


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


def is_hollow(shape: Sequence[int]) -> bool:
    """Whether an array of this shape has no value, but an absurd number of lists.

    No byte of them ever comes, and each takes memory as soon as the array becomes lists.
    """
    if 0 not in shape:
        return False
    lists = math.prod(shape[: list(shape).index(0)])
    return lists > _MOST_HOLLOW or math.prod(filter(None, shape)) > _MOST_SIZES


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
