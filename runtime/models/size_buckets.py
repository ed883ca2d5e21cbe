"""SizeBuckets: the batch sizes for which code with fixed shapes is compiled."""

from collections.abc import Callable
from typing import Any

from ..data.rows import table


class SizeBuckets:
    """Powers of two up to the largest batch; other batches are padded to the next one.

    It is filled with copies of its last row, which are cut off the answer again: rows are
    independent of each other, and a copy is a row as the model knows them.
    """

    def __init__(self, most: int) -> None:
        self.sizes = (*(1 << power for power in range((most - 1).bit_length())), most)

    def size(self, rows: int) -> int:
        """The size to which `rows` are padded; a larger batch stays unchanged."""
        return next((size for size in self.sizes if size >= rows), rows)

    def call(self, function: Callable[[Any], Any], batch: Any) -> Any:
        """Call `function` with `batch`, padded to one of the sizes."""
        rows = table.rows(batch)
        size = self.size(rows)
        if not rows or size == rows:
            return function(batch)
        return table.slice(function(repeated(batch, size)), 0, rows)


def repeated(batch: Any, rows: int) -> Any:
    """`batch`, padded with copies of its last row to `rows` rows."""
    count = table.rows(batch)
    last = table.slice(batch, count - 1, count)
    return table.concat([batch, *[last] * (rows - count)])
