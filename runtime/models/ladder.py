"""Ladder: the batch sizes for which code with fixed shapes is compiled."""

from collections.abc import Callable
from typing import Any

from ..data.rows import table


class Ladder:
    """Powers of two up to the largest batch; other batches are padded to the next one.

    It is filled with copies of its last row, which are cut off the answer again: rows are
    independent of each other, and a copy is a row as the model knows them.
    """

    def __init__(self, most: int) -> None:
        self.rungs = (*(1 << power for power in range((most - 1).bit_length())), most)

    def rung(self, rows: int) -> int:
        """The size that `rows` are filled up to; a batch beyond the ladder stays as it is."""
        return next((rung for rung in self.rungs if rung >= rows), rows)

    def call(self, function: Callable[[Any], Any], batch: Any) -> Any:
        """What `function` answers for `batch`, asked with as many rows as a rung has."""
        rows = table.rows(batch)
        rung = self.rung(rows)
        if not rows or rung == rows:
            return function(batch)
        return table.slice(function(repeated(batch, rung)), 0, rows)


def repeated(batch: Any, rows: int) -> Any:
    """`batch`, padded with copies of its last row to `rows` rows."""
    count = table.rows(batch)
    last = table.slice(batch, count - 1, count)
    return table.concat([batch, *[last] * (rows - count)])
