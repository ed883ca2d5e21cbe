"""Tabular: a model's output as named columns, and encoders of column formats.

A body that an output has no place in is None, and another kind is tried: texts have no npy, lists
in lists no CSV. What is alike in a model's own process and in another is alike in every body.
"""

import base64
import csv
from collections.abc import Callable, Mapping
from functools import partial
from io import StringIO
from typing import Any

import numpy as np

from ..errors import PredictionFailed
from . import media
from .codecs import npy, npz
from .rows.fragments import Fragments, Unfit
from .rows.predictions import as_array, is_numeric, to_instances
from .rows.predictions import columns as columns_of
from .rows.stacking import stacked, texts

Column = np.ndarray | list[Any]
"""Numbers and times as an array, everything else as JSON values."""

PREDICTIONS = "predictions"
"""What the one column is called of an output that has no names."""

_BYTES = ["b64"]  # the one name in what stands for bytes in JSON
_MATRIX = 2  # dimensions
_NARROWER = {"g": np.float64, "G": np.complex128}
"""For floats that few machines have, and that bytes of somebody else's memory stand between."""


def columns(output: Any, *, nan_as_null: bool) -> dict[str, Column]:
    """The columns of an output.

    Raises:
        PredictionFailed: for what is not made of rows, and values that have no JSON; NaN among
            numbers stays what it is.
    """
    output = as_array(output)
    if isinstance(output, Unfit):
        raise output.error()
    if isinstance(output, tuple):
        output = {f"output-{position}": part for position, part in enumerate(output)}
    elif hasattr(output, "columns"):
        output = columns_of(output)
    if isinstance(output, Mapping):
        return _even({str(name): _column(part, nan_as_null) for name, part in output.items()})
    values = _column(output, nan_as_null)
    if isinstance(values, list) and values and isinstance(values[0], dict):
        return _records(values)
    return {PREDICTIONS: values}


def write(output: Any, kind: str, *, nan_as_null: bool) -> bytes | None:
    """The body of a content type; None where the output has no place in one of that.

    Raises:
        PredictionFailed: see `columns`.
    """
    return _WRITE[kind](output, nan_as_null)


def _column(part: Any, nan_as_null: bool) -> Column:
    part = as_array(part)
    is_array = isinstance(part, np.ndarray) and part.ndim
    if is_array and (is_numeric(part) or (part.dtype.kind == "M" and part.ndim == 1)):
        return np.asarray(part)
    return to_instances(part, nan_as_null=nan_as_null)


def _even(found: dict[str, Column]) -> dict[str, Column]:
    if len({len(column) for column in found.values()}) > 1:
        raise PredictionFailed("The model's outputs differ in their number of rows.")
    return found


def _records(rows: list[Any]) -> dict[str, Column]:
    names = list(rows[0])
    is_even = all(isinstance(row, dict) and list(row) == names for row in rows)
    if not names or names == _BYTES or not is_even:
        return {PREDICTIONS: rows}
    return {str(name): [row[name] for row in rows] for name in names}


def _npy(output: Any, _: bool) -> bytes | None:
    plain = as_array(output)
    if isinstance(plain, np.ndarray) and not plain.dtype.hasobject:
        return npy.dumps(plain.astype(_NARROWER.get(plain.dtype.char, plain.dtype), copy=False))
    return None


def _npz(output: Any, nan_as_null: bool) -> bytes | None:
    arrays = {name: _stacked(c) for name, c in columns(output, nan_as_null=nan_as_null).items()}
    found = {name: array for name, array in arrays.items() if array is not None}
    is_whole = len(found) == len(arrays) <= npz.MOST_ARRAYS
    return npz.dumps(found) if is_whole else None


def _stacked(column: Column) -> np.ndarray | None:
    """A column as an array of numbers or of texts, where it is one."""
    if isinstance(column, np.ndarray):
        return column if column.dtype.kind != "M" else None
    if all(isinstance(value, str) for value in column):
        return texts(column)
    if any(isinstance(value, (str, dict)) for value in column):
        return None
    try:
        array = stacked(column)
    except ValueError:  # lists of different lengths
        return None
    return array if array.dtype.kind in "biuf" else None


def _csv(output: Any, nan_as_null: bool) -> bytes | None:
    found = columns(output, nan_as_null=nan_as_null)
    is_plain = list(found) == [PREDICTIONS]
    if is_plain and isinstance(column := found[PREDICTIONS], np.ndarray) and column.ndim == _MATRIX:
        found = {str(position): column[:, position] for position in range(column.shape[1])}
    listed = [_cells(column, nan_as_null) for column in found.values()]
    if any(cells is None for cells in listed):
        return None
    file = StringIO()
    writer = csv.writer(file)
    if not is_plain:  # an array's columns are nobody's names
        writer.writerow(found)
    writer.writerows(zip(*(cells or () for cells in listed), strict=True))
    return file.getvalue().encode("utf-8", "replace")


def _cells(column: Column, nan_as_null: bool) -> list[Any] | None:
    if isinstance(column, np.ndarray):
        if column.ndim != 1:
            return None
        column = to_instances(column, nan_as_null=nan_as_null)
    if any(isinstance(value, (list, dict)) for value in column):
        return None
    return [str(value).lower() if isinstance(value, bool) else value for value in column]


def _arrow(output: Any, nan_as_null: bool) -> bytes | None:
    from .columnar import arrow

    return _of_table(output, nan_as_null, arrow.dumps)


def _arrow_file(output: Any, nan_as_null: bool) -> bytes | None:
    from .columnar import arrow

    return _of_table(output, nan_as_null, partial(arrow.dumps, is_file=True))


def _parquet(output: Any, nan_as_null: bool) -> bytes | None:
    from .columnar import parquet

    return _of_table(output, nan_as_null, parquet.dumps)


def _of_table(output: Any, nan_as_null: bool, dumps: Callable[[Any], bytes]) -> bytes | None:
    from .columnar import arrow_table

    found = columns(output, nan_as_null=nan_as_null)
    if any(isinstance(column, np.ndarray) and 0 in column.shape[1:] for column in found.values()):
        return None
    try:
        table = arrow_table.of({name: _with_bytes(column) for name, column in found.items()})
    except (ValueError, TypeError, NotImplementedError, OverflowError):  # pyarrow's own are those
        return None
    return dumps(table)


def _with_bytes(column: Column) -> Column:
    """A column with bytes in the place of what stands for them in JSON."""
    return column if isinstance(column, np.ndarray) else list(map(_decoded, column))


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return list(map(_decoded, value))
    is_bytes = isinstance(value, dict) and list(value) == _BYTES
    return base64.b64decode(value["b64"], validate=True) if is_bytes else value


def _msgpack(output: Any, nan_as_null: bool) -> bytes | None:
    from .codecs import message_pack

    try:
        return message_pack.dumps(to_instances(output, nan_as_null=nan_as_null))
    except (TypeError, ValueError, OverflowError):
        return None


def _msgpack_numpy(output: Any, nan_as_null: bool) -> bytes | None:
    from .codecs import message_pack

    if isinstance(output, (list, Fragments)):
        return _msgpack(output, nan_as_null)
    found = columns(output, nan_as_null=nan_as_null)
    plain = {
        name: to_instances(column, nan_as_null=nan_as_null) if _is_time(column) else column
        for name, column in found.items()
    }
    try:
        whole = plain[PREDICTIONS] if list(plain) == [PREDICTIONS] else plain
        return message_pack.dumps(whole, arrays=True)
    except (TypeError, ValueError, OverflowError):
        return None


def _is_time(column: Column) -> bool:
    return isinstance(column, np.ndarray) and column.dtype.kind == "M"


_WRITE: dict[str, Callable[[Any, bool], bytes | None]] = {
    media.NPY: _npy,
    media.NPZ: _npz,
    media.CSV: _csv,
    media.ARROW: _arrow,
    media.ARROW_FILE: _arrow_file,
    media.PARQUET: _parquet,
    media.MSGPACK: _msgpack,
    media.MSGPACK_NUMPY: _msgpack_numpy,
}
