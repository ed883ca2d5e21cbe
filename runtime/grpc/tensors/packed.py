"""Packed: repeated numbers of messages as arrays, and back, without an object for each.

Floats of such a list stand side by side in a message's bytes, of which an array is a view
(protobuf.dev/programming-guides/encoding#packed). Whole numbers and strings have no fixed size:
they are taken a piece at a time, so that whoever else needs the interpreter has it in between.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from ... import protobuf

_BYTES = 2  # the wire type of a list
_SHIFT = 3
_PIECE = 1 << 14  # values
_WIDEST = 8  # bytes of a number
_FLOATS = {
    "float_val": "<f4",
    "double_val": "<f8",
    "fp32_contents": "<f4",
    "fp64_contents": "<f8",
    "values": "<f8",
}


def read(message: Any, field: str, dtype: np.dtype[Any]) -> np.ndarray:
    """The numbers in a field of a message, as `dtype`.

    Raises:
        OverflowError: for one that is beyond that.
    """
    values = getattr(message, field)
    if field in _FLOATS and values:
        found = _tail(message, field, len(values))
        if found is not None:
            return found.astype(dtype)
    return _array(values, dtype)


def listed(values: Sequence[Any]) -> list[Any]:
    """Values of a message as a list."""
    return list(chain.from_iterable(_pieces(values)))


def _array(values: Sequence[Any], dtype: np.dtype[Any]) -> np.ndarray:
    array: np.ndarray = np.empty(len(values), dtype)
    start = 0
    for piece in _pieces(values):
        array[start : start + len(piece)] = _fitting(piece, dtype)
        start += len(piece)
    return array


def _fitting(piece: Sequence[Any], dtype: np.dtype[Any]) -> np.ndarray:
    """The numbers as `dtype`; NumPy 1 takes those that are beyond it for others, without a word."""
    if dtype.kind not in "iu" or dtype.itemsize == _WIDEST:  # the fields have nothing wider
        return np.fromiter(piece, dtype, len(piece))
    wide, limits = np.fromiter(piece, np.int64, len(piece)), np.iinfo(dtype)
    if wide.size and (wide.min() < limits.min or wide.max() > limits.max):
        raise OverflowError
    return wide


def _pieces(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _PIECE):
        yield values[start : start + _PIECE]


def write(message: Any, field: str, array: np.ndarray) -> None:
    """Put the numbers of a flat array into a field of a message, which has none so far."""
    kind = _FLOATS.get(field)
    if kind is not None and array.size:
        head = _head(message, field, array.size)
        message.MergeFromString(head + array.astype(kind, copy=False).tobytes())
        return
    values = getattr(message, field)
    for start in range(0, array.size, _PIECE):
        values.extend(array[start : start + _PIECE].tolist())


def _tail(message: Any, field: str, count: int) -> np.ndarray | None:
    """The floats at the end of a message; None if other fields follow."""
    text, head = message.SerializeToString(), _head(message, field, count)
    start = len(text) - count * np.dtype(_FLOATS[field]).itemsize
    if text[max(start - len(head), 0) : start] != head:
        return None
    return np.frombuffer(text, _FLOATS[field], offset=start)


def _head(message: Any, field: str, count: int) -> bytes:
    """The bytes before so many floats."""
    number = message.DESCRIPTOR.fields_by_name[field].number
    size = count * np.dtype(_FLOATS[field]).itemsize
    return protobuf.encoded(number << _SHIFT | _BYTES) + protobuf.encoded(size)
