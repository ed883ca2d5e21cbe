"""SlabWriter: collects the parts of a batch, and measures them before they are written."""

from typing import Any

import numpy as np
import orjson

from .layout import Layout, Numbers, describe
from .slab import ALIGNMENT, Slab

Written = tuple[int, int, int, int, int]
"""The number of the layout, the bytes of its description, those of JSON, rows, all bytes."""

Chunk = tuple[list[np.ndarray], tuple[int, ...], "np.dtype[Any]"]


class SlabWriter:
    """Arrays in the order of their layout, preceded by JSON values."""

    def __init__(self) -> None:
        self._values: list[Any] = []
        self._chunks: list[Chunk] = []

    def array(self, pieces: list[np.ndarray], rows: int) -> None:
        """Add `pieces` of one dtype and shape, which have `rows` rows together."""
        first = pieces[0]
        self._chunks.append((pieces, (rows, *first.shape[1:]), first.dtype))

    def block(self, data: bytes) -> None:
        """Add bytes."""
        self.array([np.frombuffer(data, np.uint8)], len(data))

    def text(self, data: bytes) -> None:
        """Add bytes, preceded by their number."""
        self.array([np.array([len(data)], np.int64)], 1)
        self.block(data)

    def note(self, notes: list[Any]) -> None:
        """Add a note, if there is one."""
        self._values += notes

    def values(self, values: Any) -> None:
        """Add values of JSON."""
        self._values.append(values)

    def write(self, slab: Slab, layout: Layout, rows: int, numbers: Numbers) -> Written:
        """Write everything, with the layout if the reader does not know it yet.

        Raises:
            MemoryError: when the slab cannot grow enough.
            TypeError: for a value that is not JSON.
        """
        number, description = numbers.get(layout), b""
        if number is None:
            number, description = numbers.add(layout), describe(layout)
        values, size = self._write(slab, description)
        return number, len(description), values, rows, size

    def _write(self, slab: Slab, description: bytes) -> tuple[int, int]:
        """The number of bytes of JSON, and of all bytes."""
        text = (
            orjson.dumps(self._values, option=orjson.OPT_SERIALIZE_NUMPY) if self._values else b""
        )
        head = text + description
        position = len(head)
        places = []
        for _, shape, dtype in self._chunks:
            position = aligned(position)
            places.append(position)
            position += int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        position = max(position, 1)
        slab.reserve(position)
        if head:
            slab.root[: len(head)] = np.frombuffer(head, np.uint8)
        for (pieces, shape, dtype), place in zip(self._chunks, places, strict=True):
            put(pieces, np.ndarray(shape, dtype, slab.root, place))
        return len(text), position


def put(pieces: list[np.ndarray], place: np.ndarray) -> None:
    """Write `pieces` one after another into `place`."""
    if len(pieces) == 1:
        place[...] = pieces[0]
    else:
        np.concatenate(pieces, out=place)


def aligned(position: int) -> int:
    """The next offset at which an array may begin."""
    return -(-position // ALIGNMENT) * ALIGNMENT
