"""Inputs: writes the rows of many requests to a slab as one batch."""

from typing import Any

import numpy as np

from ...data.rows.column import family
from ...manifests.signature import Field, Side
from .layout import Layout, Numbers
from .slab import Slab
from .slab_writer import SlabWriter, Written, put

_TEXT: Layout = ("text",)


class Inputs:
    """Writes batches of one method.

    method   its name, for the model
    """

    def __init__(self, method: str, side: Side) -> None:
        self.method = method
        self._side = side

    def write(self, slab: Slab, batches: list[Any], rows: int, numbers: Numbers) -> Written:
        """Write the rows of `batches`, which have one layout, to `slab`; 0 `rows`: count them.

        Raises:
            MemoryError: when the slab cannot grow enough.
            TypeError: for rows that can only be written as JSON, and are not JSON.
        """
        first = batches[0]
        if type(first) is np.ndarray and not first.dtype.hasobject:
            layout: Layout = (self.method, ("raw", first.dtype.str, first.shape[1:], None))
            number = numbers.get(layout)
            if number is not None:
                return self._write_array(slab, batches, rows, number)
        writer = SlabWriter()
        rows, body = outline(batches, writer, self._side)
        return writer.write(slab, (self.method, body), rows, numbers)

    def _write_array(self, slab: Slab, batches: list[Any], rows: int, number: int) -> Written:
        """Write one array of a known layout, which is the most common case."""
        first = batches[0]
        rows = rows or sum(map(len, batches))
        size = max(1, rows * (first.nbytes // len(first) if len(first) else 0))
        slab.reserve(size)
        put(batches, np.ndarray((rows, *first.shape[1:]), first.dtype, slab.root))
        return number, 0, 0, rows, size


class Batches:
    """Writes whole decoded batches of any method, from the decoder process to the front."""

    def __init__(self) -> None:
        self._numbers = Numbers()

    def write(self, slab: Slab, output: Any, rows: int) -> Written:
        """Write a decoded batch to `slab`; `output` is its side, the batch and perhaps a note.

        A note is written first; a batch of bytes is written as it is.

        Raises:
            MemoryError: when the slab cannot grow enough.
        """
        side, batch, *notes = output
        writer = SlabWriter()
        writer.note(notes)
        rows, layout = 0, _TEXT
        if isinstance(batch, bytes):
            writer.text(batch)
        else:
            rows, layout = outline([batch], writer, side)
        if notes:
            layout = ("noted", layout)
        return writer.write(slab, layout, rows, self._numbers)


def outline(batches: list[Any], writer: SlabWriter, side: Side) -> tuple[int, Layout]:
    """The row count and the layout of `batches`; their values are added to `writer`."""
    first = batches[0]
    if isinstance(first, dict):
        fields = {field.name: field for field in side.fields}
        parts = [
            _outline_array([batch[name] for batch in batches], writer, fields.get(name))
            for name in first
        ]
        rows = parts[0][0] if parts else 0
        return rows, ("dict", tuple(first), tuple(layout for _, layout in parts))
    if isinstance(first, np.ndarray):
        return _outline_array(batches, writer, side.fields[0] if side.fields else None)
    writer.values(first if len(batches) == 1 else [row for batch in batches for row in batch])
    return sum(map(len, batches)), ("list",)


def _outline_array(
    arrays: list[np.ndarray], writer: SlabWriter, field: Field | None
) -> tuple[int, Layout]:
    first = arrays[0]
    rows, row = sum(map(len, arrays)), first.shape[1:]
    if not first.dtype.hasobject:
        writer.array(arrays, rows)
        return rows, ("raw", first.dtype.str, row, None)
    values = [value for array in arrays for value in array.ravel().tolist()]
    if field is not None and family(field.dtype) == "y":
        writer.array([np.array(list(map(len, values)), np.int64)], len(values))
        writer.block(b"".join(values))
        return rows, ("bytes", row, None)
    writer.values(values)
    return rows, ("json", row, None)
