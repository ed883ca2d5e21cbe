"""Cursor: reads a batch from a slab by its layout."""

from collections.abc import Callable
from io import BytesIO
from math import prod
from typing import Any

import numpy as np
import orjson

from ..data.rows.fragments import Fragments, Unfit
from .draft import aligned
from .layout import SCALAR, Layout
from .message import Message
from .slab import Slab


def read(slab: Slab, message: Message, layout: Layout, *, copies: bool) -> Any:
    """The batch that a message announces: views on the slab, or copies of it."""
    start = message.values + message.described
    if not start and layout[0] == "raw" and layout[3] is None:  # nearly always
        _, dtype, row, _ = layout
        array: np.ndarray = np.ndarray((message.rows, *row), dtype, slab.root)
        return array.copy() if copies else array
    return Cursor(slab, message.rows, message.values, start, copies=copies).read(layout)


class Cursor:
    """One reading of one batch, part by part."""

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


def _raw(cursor: Cursor, dtype: str, row: tuple[int, ...], rows: int | None) -> np.ndarray:
    array = cursor.array(dtype, cursor.shape(row, rows))
    return array.copy() if cursor.copies else array


def _bytes(cursor: Cursor, row: tuple[int, ...], rows: int | None) -> np.ndarray:
    shape = cursor.shape(row, rows)
    lengths = cursor.array("i8", (prod(shape),)).tolist()
    text, start = cursor.block(sum(lengths)), 0
    array = np.empty(len(lengths), object)
    for index, length in enumerate(lengths):
        array[index] = text[start : start + length]
        start += length
    return array.reshape(shape)


def _json(cursor: Cursor, row: tuple[int, ...], rows: int | None) -> np.ndarray:
    shape = cursor.shape(row, rows)
    return np.fromiter(cursor.values(), object, prod(shape)).reshape(shape)


def _list(cursor: Cursor) -> Any:
    return cursor.values()


def _npy(cursor: Cursor) -> Any:
    (size,) = cursor.array("i8", (1,)).tolist()
    return np.load(BytesIO(cursor.block(size)), allow_pickle=False)


def _fragments(cursor: Cursor, rows: int | None) -> Fragments:
    ends = cursor.array("i8", cursor.shape((), rows)).tolist()
    text = cursor.block(ends[-1] if ends else 0)
    return Fragments.of(text, ends, cursor.values())


def _text(cursor: Cursor) -> bytes:
    (size,) = cursor.array("i8", (1,)).tolist()
    return cursor.block(size)


def _noted(cursor: Cursor, layout: Layout) -> tuple[Any, Any]:
    note = cursor.values()
    return note, cursor.read(layout)


def _unfit(_: Cursor, why: str) -> Unfit:
    return Unfit(why)


def _dict(cursor: Cursor, names: tuple[str, ...], layouts: tuple[Layout, ...]) -> Any:
    return dict(zip(names, map(cursor.read, layouts), strict=True))


def _tuple(cursor: Cursor, layouts: tuple[Layout, ...]) -> Any:
    return tuple(map(cursor.read, layouts))


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
