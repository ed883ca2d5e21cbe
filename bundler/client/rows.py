"""Rows: encodes arrays, DataFrames and lists as a body, after checking them."""

import datetime as dt
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...runtime.data import media, untyped_body
from ...runtime.data.codecs import instances, npy, npz
from ...runtime.data.rows import table
from ...runtime.data.rows.predictions import to_instances
from ...runtime.data.rows.python_rows import has_infinity
from ...runtime.errors import InvalidInput, PredictionFailed, RequestError
from ...runtime.manifests.signature import OBJECTS, Side
from .contract import Route
from .exact_array import exact_array
from .wire.failures import WrongInput

Body = tuple[bytes, str]
"""Bytes and their content type."""


def body(route: Route, data: Any) -> Body:
    """The body for `data`, in the densest form that the route takes and the data has.

    Raises:
        WrongInput: when dtype, shape or columns are not those of the contract; nothing was sent.
    """
    side = route.inputs or OBJECTS
    try:
        batch = _fitted(side, data)
        return _dense(route, batch) or _json(batch)
    except RequestError as error:
        raise WrongInput(f"`{route.name}`: {error.detail}") from None
    except PredictionFailed as error:
        raise WrongInput(f"`{route.name}`: the input has values that have no JSON.") from error


def is_frame(value: Any) -> bool:
    """Whether it is a pandas DataFrame; imports nothing to find out."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def _fitted(side: Side, data: Any) -> Any:
    """The rows with the dtypes of the contract."""
    if is_frame(data):
        data = _of_frame(side, data)
    elif hasattr(data, "toarray"):  # a sparse matrix
        data = data.toarray()
    elif _is_column(data):
        data = _column(data)
    elif isinstance(data, Mapping):
        data = _of_columns(side, {str(name): _array(column) for name, column in data.items()})
    elif isinstance(data, tuple):
        data = _inputs(side, data)
    if isinstance(data, list):
        if data and all(isinstance(row, np.ndarray) for row in data) and side.layout == "array":
            return table.fit(side, np.stack(data), nan_as_null=True)
        return table.gather(side, list(map(_plain, data)), nan_as_null=True)
    if not isinstance(data, np.ndarray | dict):
        raise WrongInput(f"Rows are an array, a DataFrame, a list or columns, not {_what(data)}.")
    return table.fit(side, _array(data) if side.layout == "array" else data, nan_as_null=True)


def _of_frame(side: Side, frame: Any) -> Any:
    """Its columns as arrays, or all of it as one."""
    if frame.columns.is_unique:
        return _of_columns(side, {str(name): _column(frame[name]) for name in frame.columns})
    if side.layout == "array":
        return frame.to_numpy()
    twice = frame.columns[frame.columns.duplicated()]
    raise InvalidInput(f"two columns are called `{twice[0]}`.")


def _of_columns(side: Side, columns: dict[str, np.ndarray]) -> Any:
    """Columns as they are, or side by side where the model takes one array."""
    if side.layout != "array":
        return columns
    if not columns:
        raise InvalidInput("instances: expected columns, got none.")
    untyped_body.as_columns(columns)
    array = untyped_body.as_array(columns)
    if isinstance(array, list) or not array.ndim == 1 < len(side.fields[0].shape):
        return array
    has_lists = any(isinstance(value, list | tuple | np.ndarray) for value in array)
    return array.tolist() if has_lists else array[:, None]


def _array(values: Any) -> np.ndarray:
    """As an array; what is masked is missing, and was sent as the value behind the mask."""
    if _is_masked(values):
        gaps: np.ndarray = values.data.astype(object)
        gaps[np.ma.getmaskarray(values)] = None
        return gaps
    if _is_column(values):
        return _column(values)
    array = exact_array(values) if isinstance(values, list | tuple) else np.asarray(values)
    if array.dtype.kind == "O":
        return np.fromiter(map(_said, array.flat), object, array.size).reshape(array.shape)
    return array


def _is_masked(values: Any) -> bool:
    """Whether there are masked values; `np.ma` takes 50 ms to be imported."""
    if type(values) is np.ndarray or not isinstance(values, np.ndarray):
        return False
    return isinstance(values, np.ma.MaskedArray) and bool(np.ma.is_masked(values))


def _said(value: Any) -> Any:
    """A time as text, for nothing else says it in every form of body."""
    if isinstance(value, np.ndarray):  # a list in a column, as Parquet brings it
        return _plain(value)
    if isinstance(value, dt.date):
        return None if value != value else value.isoformat()  # noqa: PLR0124  pandas' NaT
    if isinstance(value, np.generic):
        value = str(value) if isinstance(value, np.datetime64) else value.item()
    return None if value == "NaT" else value


def _inputs(side: Side, given: tuple[Any, ...]) -> Any:
    """A tuple of arrays as the model's inputs in their order; any other is one of rows."""
    is_each = side.layout == "tensors" and len(given) == len(side.fields)
    if is_each and all(isinstance(part, np.ndarray) for part in given):
        return {field.name: part for field, part in zip(side.fields, given, strict=True)}
    return list(given)


def _is_column(values: Any) -> bool:
    """Whether it is a Series, of pandas or of others, or what is in one."""
    return hasattr(values, "to_numpy") and hasattr(values, "dtype")


def _column(values: Any) -> np.ndarray:
    """A column as an array; categories and texts as the values that they stand for."""
    pandas = sys.modules.get("pandas")
    kinds = (pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray) if pandas else ()
    if pandas is None or not isinstance(values, kinds):
        return _array(values.to_numpy())
    series = pandas.Series(values)
    if getattr(series.dtype, "tz", None) is not None:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    if series.dtype.kind not in "biufM" or not isinstance(series.dtype, np.dtype):
        objects = series.astype(object)
        return _array(objects.where(objects.notna(), None).to_numpy(dtype=object))
    array: np.ndarray = series.to_numpy()
    return array


def _plain(row: Any) -> Any:
    if isinstance(row, np.ndarray):
        return [_plain(value) for value in row] if row.dtype.kind in "MO" else row.tolist()
    if isinstance(row, Mapping):
        return {str(name): _plain(value) for name, value in row.items()}
    if isinstance(row, list | tuple):
        return [_plain(value) for value in row]
    return _said(row) if isinstance(row, np.generic | dt.date) else row


def _dense(route: Route, batch: Any) -> Body | None:
    """As arrays, where all of it is numbers or texts without gaps."""
    if isinstance(batch, np.ndarray):
        array = _arrayed(batch)
        if array is not None and media.NPY in route.takes:
            return npy.dumps(array), media.NPY
    if isinstance(batch, dict) and len(batch) <= npz.MOST_ARRAYS and media.NPZ in route.takes:
        arrays = {name: _arrayed(column) for name, column in batch.items()}
        found = {name: array for name, array in arrays.items() if array is not None}
        if len(found) == len(arrays):
            return npz.dumps(found), media.NPZ
    return None


def _arrayed(array: np.ndarray) -> np.ndarray | None:
    if array.dtype.kind in "biuf" and array.dtype.itemsize <= 8:  # noqa: PLR2004
        return array
    values = array.ravel().tolist() if array.dtype.kind in "OU" else [None]
    # npy pads every text to the longest, and drops zeros at its end.
    if not all(isinstance(value, str) and not value.endswith("\0") for value in values):
        return None
    longest, total = max(map(len, values), default=0), sum(map(len, values))
    is_lean = longest * len(values) <= 4 * total + 64
    return np.array(array, "U") if is_lean and longest else None


def _json(batch: Any) -> Body:
    refuse_infinite(batch)
    listed = to_instances(batch, nan_as_null=True) if len(batch) else []
    return instances.written({"instances": listed}), media.JSON


def refuse_infinite(value: Any) -> None:
    """Refuse an infinity on its way into JSON, where it would arrive as a missing value.

    Raises:
        InvalidInput: for one in `value`, or in what it holds.
    """
    if has_infinity(value):
        raise InvalidInput("JSON has no infinity; one can be sent where all of it is numbers.")


def _what(value: Any) -> str:
    return f"a `{type(value).__name__}`"
