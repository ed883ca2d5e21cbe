"""Untyped body: reads the rows of a body of any content type, without a signature."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InvalidInput, PredictionFailed
from . import media
from .codecs import npy, npz
from .depth import check_depth
from .rows import extent
from .rows.predictions import to_instances

Rows = list[Any] | np.ndarray | dict[str, np.ndarray]
"""JSON values, one array, or arrays by their names."""

_EXACT = 2**53  # up to here a float is each whole number
_ROWS_NAMES = ({"instances"}, {"predictions"})


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Upper limits of what a body may become: rows, bytes of arrays, lists and maps."""

    rows: int
    bytes: int
    containers: float


def read(body: bytes, kind: str, limits: BodyLimits) -> Rows:
    """The rows of a body; its content type `kind` is one of `KINDS`.

    Raises:
        BadPayload, InvalidInput, PayloadTooLarge: see the reader of that content type.
    """
    rows = _READ[kind](body, limits)
    parts = rows.values() if isinstance(rows, dict) else [rows]
    if any(isinstance(part, np.ndarray) and extent.is_hollow(part.shape) for part in parts):
        raise InvalidInput("instances: the shape of an array has too many lists without a value.")
    return rows


def as_columns(rows: Mapping[str, np.ndarray]) -> int:
    """The row count of arrays that are columns of one table.

    Raises:
        InvalidInput: if the columns differ in length.
    """
    if any(array.ndim == 0 for array in rows.values()):
        raise InvalidInput("instances: expected arrays of rows, got one value.")
    counts = {len(array) for array in rows.values()}
    if len(counts) != 1:
        raise InvalidInput("instances: the columns differ in their number of rows.")
    return counts.pop()


def as_array(rows: Mapping[str, np.ndarray]) -> np.ndarray | list[Any]:
    """Columns as one array; as lists if not all are numbers."""
    arrays = list(rows.values())
    if len(arrays) == 1:
        return arrays[0]
    if any(array.ndim != 1 for array in arrays):
        raise InvalidInput("instances: expected one array, or columns of one value a row each.")
    if any(array.dtype.kind not in "biuf" for array in arrays) or _is_rounded(arrays):
        return [list(row) for row in zip(*map(_one_by_one, arrays), strict=True)]
    return np.column_stack(arrays)


def _is_rounded(arrays: list[np.ndarray]) -> bool:
    """Whether whole numbers among them would become floats that are other numbers."""
    if np.result_type(*arrays).kind != "f":
        return False
    whole = (array for array in arrays if array.dtype.kind in "iu" and array.size)
    return any(max(int(array.max()), -int(array.min())) > _EXACT for array in whole)


def _is_time(part: Any) -> bool:
    """Whether it is an array of times, where NaT is a missing one and nothing else."""
    return isinstance(part, np.ndarray) and part.dtype.kind == "M"


def _one_by_one(array: np.ndarray) -> list[Any]:
    """The values of a column; times as text, as `tolist` would give nanoseconds."""
    if _is_time(array):
        return to_instances(array, nan_as_null=True)
    listed: list[Any] = array.tolist()
    return listed


def as_values(rows: list[Any] | Mapping[str, np.ndarray], *, nan_as_null: bool) -> list[Any]:
    """Rows as JSON values: records if the columns have names.

    Raises:
        InvalidInput: for values that have no JSON.
    """
    whole: Any = rows
    if isinstance(rows, Mapping):
        named = {name: _one_by_one(part) if _is_time(part) else part for name, part in rows.items()}
        whole = next(iter(named.values())) if set(rows) in _ROWS_NAMES else named
    try:
        return to_instances(whole, nan_as_null=nan_as_null or _is_time(whole))
    except PredictionFailed:
        raise InvalidInput(
            "instances: expected values that JSON has, and finite numbers."
        ) from None


def listed(value: Any) -> Any:
    """A value with lists in place of the arrays in it."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list):
        return [listed(item) for item in value]
    return {key: listed(item) for key, item in value.items()} if isinstance(value, dict) else value


def _npy(body: bytes, _: BodyLimits) -> Rows:
    return npy.loads(body)


def _npz(body: bytes, limits: BodyLimits) -> Rows:
    return npz.loads(body, limits.bytes)


def _arrow(body: bytes, limits: BodyLimits) -> Rows:
    from .columnar import arrow

    return arrow.loads(body, limits.rows, limits.bytes)


def _parquet(body: bytes, limits: BodyLimits) -> Rows:
    from .columnar import parquet

    return parquet.loads(body, limits.rows, limits.bytes)


def _msgpack(body: bytes, limits: BodyLimits) -> Rows:
    from .codecs import message_pack

    value, has_arrays = message_pack.loads(body, limits.containers)
    if isinstance(value, dict) and value and all(isinstance(v, np.ndarray) for v in value.values()):
        return value
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, list):
        raise InvalidInput("instances: expected a list of rows, or arrays.")
    if not has_arrays:
        return value
    check_depth(value)
    return _stacked(value)


def _stacked(rows: list[Any]) -> Rows:
    """Rows that are arrays of one shape as one array."""
    if rows and all(isinstance(row, np.ndarray) for row in rows):
        alike = {(row.dtype, row.shape) for row in rows}
        return np.stack(rows) if len(alike) == 1 else list(map(listed, rows))
    return list(map(listed, rows))


_READ: Mapping[str, Callable[[bytes, BodyLimits], Rows]] = {
    media.NPY: _npy,
    media.NPZ: _npz,
    media.ARROW: _arrow,
    media.ARROW_FILE: _arrow,
    media.PARQUET: _parquet,
    media.MSGPACK: _msgpack,
    media.MSGPACK_NUMPY: _msgpack,
}
KINDS = tuple(_READ)
