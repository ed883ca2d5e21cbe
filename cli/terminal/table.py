"""A table as aligned columns, folded where the terminal is too narrow."""

import unicodedata
from collections.abc import Iterator, Sequence

GAP = "   "
NARROWEST = 9  # columns of text, those of the longest heading: it is one word


def lines(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None
) -> Iterator[str]:
    """The table in at most `width` columns, or as wide as it is; the first column stays whole."""
    table = [list(columns), *map(list, rows)]
    widths = [max(map(_width, column)) for column in zip(*table, strict=True)]
    if width is not None:
        widths = _squeezed(widths, width)
    yield from _row(table[0], widths)
    for row in table[1:]:
        yield from _row(row, widths)


def _squeezed(widths: Sequence[int], total: int) -> list[int]:
    """Take from the widest column but the first until all fit, or none can give any more."""
    widths = list(widths)
    while sum(widths) + len(GAP) * (len(widths) - 1) > total and len(widths) > 1:
        widest = max(range(1, len(widths)), key=widths.__getitem__)
        if widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
    return widths


def _row(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    folded = [_folded(cell, width) for cell, width in zip(cells, widths, strict=True)]
    for index in range(max(map(len, folded))):
        parts = [parts[index] if index < len(parts) else "" for parts in folded]
        yield GAP.join(map(_padded, parts, widths)).rstrip()


def _folded(cell: str, width: int) -> list[str]:
    """Break between words, and inside one only where it is too long for a line of its own."""
    if _width(cell) <= width:
        return [cell]
    found = [""]
    for word in cell.split():
        rest = word
        if found[-1] and _width(found[-1]) + 1 + _width(rest) <= width:
            found[-1] += f" {rest}"
            continue
        if found[-1]:
            found.append("")
        while _width(rest) > width:
            found[-1], rest = rest[:width], rest[width:]
            found.append("")
        found[-1] = rest
    return found


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Columns on a terminal: an ideograph takes two, a combining mark none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) > 0 for char in text)
