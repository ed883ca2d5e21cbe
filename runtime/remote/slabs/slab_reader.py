"""SlabReader: reads a batch from a slab by its layout."""

from collections.abc import Callable
from io import BytesIO
from math import prod
from typing import Any

import numpy as np
import orjson

from ...data.rows.fragments import Fragments, Unfit
from ..message import Message
from .layout import SCALAR, Layout
from .slab import Slab
from .slab_writer import aligned


def read(slab: Slab, message: Message, layout: Layout, *, copies: bool) -> Any:
    """The batch that a message announces, as views on the slab or copies."""
    start = message.values + message.described
    if not start and layout[0] == "raw" and layout[3] is None:  # nearly always
        _, dtype, row, _ = layout
        array: np.ndarray = np.ndarray((message.rows, *row), dtype, slab.root)
        return array.copy() if copies else array
    return SlabReader(slab, message.rows, message.values, start, copies=copies).read(layout)


class SlabReader:
    """Reads one batch, part by part."""

    def __init__(self, slab: Slab, rows: int, values: int, start: int, *, copies: bool) -> None:
        self._slab = slab
        self._rows = rows
        self._position = start
        self._values = iter(orjson.loads(slab.root[:values].data) if values else ())
        self.copies = copies

    def read(self, layout: Layout) -> Any:
        """The batch, or a part of it."""
        kind, *rest = layout
        return _READ[kind](self, *rest)

    def array(self, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
        """The next array, on the slab."""
        place = aligned(self._position)
        array: np.ndarray = np.ndarray(shape, dtype, self._slab.root, place)
        self._position = place + array.nbytes
        return array

    def block(self, size: int) -> bytes:
        """The next bytes."""
        return self.array("u1", (size,)).tobytes()

    def values(self) -> Any:
        """The next of the JSON values."""
        return next(self._values)

    def shape(self, row: tuple[int, ...], rows: int | None) -> tuple[int, ...]:
        """The shape of an array of such rows."""
        return row if rows == SCALAR else (self._rows if rows is None else rows, *row)


def _raw(reader: SlabReader, dtype: str, row: tuple[int, ...], rows: int | None) -> np.ndarray:
    array = reader.array(dtype, reader.shape(row, rows))
    return array.copy() if reader.copies else array


def _bytes(reader: SlabReader, row: tuple[int, ...], rows: int | None) -> np.ndarray:
    shape = reader.shape(row, rows)
    lengths = reader.array("i8", (prod(shape),)).tolist()
    text, start = reader.block(sum(lengths)), 0
    array = np.empty(len(lengths), object)
    for index, length in enumerate(lengths):
        array[index] = text[start : start + length]
        start += length
    return array.reshape(shape)


def _json(reader: SlabReader, row: tuple[int, ...], rows: int | None) -> np.ndarray:
    shape = reader.shape(row, rows)
    return np.fromiter(reader.values(), object, prod(shape)).reshape(shape)


def _list(reader: SlabReader) -> Any:
    return reader.values()


def _npy(reader: SlabReader) -> Any:
    (size,) = reader.array("i8", (1,)).tolist()
    return np.load(BytesIO(reader.block(size)), allow_pickle=False)


def _fragments(reader: SlabReader, rows: int | None) -> Fragments:
    ends = reader.array("i8", reader.shape((), rows)).tolist()
    text = reader.block(ends[-1] if ends else 0)
    return Fragments.of(text, ends, reader.values())


def _text(reader: SlabReader) -> bytes:
    (size,) = reader.array("i8", (1,)).tolist()
    return reader.block(size)


def _noted(reader: SlabReader, layout: Layout) -> tuple[Any, Any]:
    note = reader.values()
    return note, reader.read(layout)


def _unfit(_: SlabReader, why: str) -> Unfit:
    return Unfit(why)


def _dict(reader: SlabReader, names: tuple[str, ...], layouts: tuple[Layout, ...]) -> Any:
    return dict(zip(names, map(reader.read, layouts), strict=True))


def _tuple(reader: SlabReader, layouts: tuple[Layout, ...]) -> Any:
    return tuple(map(reader.read, layouts))


_READ: dict[str, Callable[..., Any]] = {
    "raw": _raw,
    "bytes": _bytes,
    "json": _json,
    "list": _list,
    "npy": _npy,
    "fragments": _fragments,
    "unfit": _unfit,
    "text": _text,
    "noted": _noted,
    "dict": _dict,
    "tuple": _tuple,
}
