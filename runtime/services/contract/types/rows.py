"""Rows: ndarrays and DataFrames, from JSON, npy and csv."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any, cast

import numpy as np

from ....data.codecs import csv_rows
from ....data.depth import MAX_DEPTH, check_depth
from ....data.rows import table
from ....data.rows.column import describe
from ....errors import BadPayload, InvalidInput, MissingFramework
from ....manifests.signature import Field, Side
from ...array import Array
from . import spec
from .decoder import ValueDecoder, refused

_FREE = "float64"  # default dtype


def array(note: Array) -> ValueDecoder:
    """An ndarray of the dtype and shape in `note`; also accepts an ndarray, as from npy."""

    def read(value: Any, where: str) -> Any:
        try:
            if isinstance(value, np.ndarray):
                return _accepted(note, value)
            if type(value) is not list:
                raise refused(where, "a list", value)
            return table.collate(_side(note, value), value)
        except InvalidInput as error:
            detail = error.detail.removeprefix("instances")
            raise InvalidInput(where + detail if detail != error.detail else detail) from None

    return ValueDecoder(spec.array(note), read, note)


def csv(note: Array, body: bytes, header: str | None) -> list[Any]:
    """The rows of a csv body for an array: one list a line."""
    shape = note.shape or (None, None)
    return csv_rows.loads(body, Side("array", (Field("rows", note.dtype or _FREE, shape),)), header)


def _side(note: Array, rows: list[Any]) -> Side:
    """What `note` leaves open is as in the first row."""
    depth, leaf = 0, cast("Any", rows)
    while type(leaf) is list:
        depth, leaf = depth + 1, leaf[0] if leaf else None
    if depth > MAX_DEPTH:
        check_depth(rows)  # raises: each level of a shape is a call
    free = {bool: "bool", str: "str"}.get(type(leaf), _FREE)
    wanted = note.shape or (None,) * depth
    return Side("array", (Field("rows", note.dtype or free, wanted),))


def _accepted(note: Array, value: np.ndarray) -> Any:
    if note.shape is None and note.dtype is None:
        if value.dtype.kind in "fiub":
            return value
        return table.collate(_side(note, value.tolist()), value.tolist())
    shape = note.shape or (None,) * value.ndim
    dtype = note.dtype or value.dtype.name
    return table.accept(Side("array", (Field("rows", dtype, shape),)), value)


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingFramework("pandas", "pandas") from error
    return pd


def _frame(value: Any, where: str) -> Any:
    if isinstance(value, np.ndarray):
        raise InvalidInput(f"{where}: expected named columns; send JSON records or csv.")
    if type(value) is not list:
        raise refused(where, "a list of records", value)
    for index, record in enumerate(value):
        _check_record(record, value[0], f"{where}[{index}]")
    return _pandas().DataFrame(value)


def _check_record(record: Any, first: Mapping[str, Any], where: str) -> None:
    if type(record) is not dict:
        raise refused(where, "a record", record)
    if record.keys() != first.keys():
        for name in [*first, *record]:
            if name not in record:
                raise InvalidInput(f"{where}: field `{name}` is missing.")
            if name not in first:
                raise InvalidInput(f"{where}: unknown field `{name}`; the first row has none.")
    for name, value in record.items():
        if type(value) in {list, dict}:
            raise InvalidInput(f"{where}.{name}: expected a single value, got {describe(value)}.")


def frame_of_csv(body: bytes) -> Any:
    """A csv body with a line of names, read as pandas does.

    Raises:
        BadPayload: when it is not csv.
    """
    try:
        return _pandas().read_csv(BytesIO(body))
    except (ValueError, UnicodeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise BadPayload(f"The body is not CSV with a line of names: {reason}") from None


def frame_of(columns: Mapping[str, np.ndarray]) -> Any:
    """A DataFrame of columns, with the dtypes that pandas infers; strings stay strings.

    Raises:
        InvalidInput: for a column with several values per row.
    """
    for name, column in columns.items():
        if column.ndim != 1:
            raise InvalidInput(f"instances.{name[:64]}: expected a single value a row.")
    plain = {n: c.tolist() if c.dtype.kind in "OUS" else c for n, c in columns.items()}
    return _pandas().DataFrame(plain)


DATAFRAME = ValueDecoder(spec.DATAFRAME, _frame)
