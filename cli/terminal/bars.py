"""Bars: ranges on a logarithmic scale, drawn with block characters."""

from collections.abc import Sequence
from math import floor, log10

_BLOCKS, _PLAIN = ("█", "▒"), ("#", "-")
NARROWEST = 20  # columns of a bar's field


def lines(
    labels: Sequence[str],
    ranges: Sequence[tuple[float, float, float]],
    *,
    width: int,
    plain: bool = False,
) -> list[str]:
    """One bar for each range (low, high, highest), below a scale in milliseconds.

    The bar is solid from low to high, and faint from there to the highest. `plain` draws with
    letters of ASCII.
    """
    values = [value for one in ranges for value in one if value > 0]
    if not values:
        return []
    margin = max(map(len, labels)) + 2
    field = max(NARROWEST, width - margin)
    low, high = floor(log10(min(values))), log10(max(values))
    scale = field / max(high - low, 0.5)

    def column(value: float) -> int:
        return min(field - 1, max(0, int((log10(value) - low) * scale))) if value > 0 else 0

    solid, faint = _PLAIN if plain else _BLOCKS
    found = [" " * margin + _scale(low, high, scale, field)]
    for label, one in zip(labels, ranges, strict=True):
        start, middle, end = map(column, one)
        bar = " " * start + solid * (middle - start + 1) + faint * (end - middle)
        found.append(label.ljust(margin) + bar)
    return found


def _scale(low: int, high: float, scale: float, field: int) -> str:
    """The powers of ten, in milliseconds, each where it lies."""
    text = ""
    for power in range(low, floor(high) + 1):
        name = f"{10.0 ** (power + 3):g}"
        place = int((power - low) * scale)
        if len(text) <= place and place + len(name) < field:
            text = text.ljust(place) + name
    return f"{text} ms"
