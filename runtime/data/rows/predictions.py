"""Predictions: converts a model's output to the JSON that a person expects."""

import base64
import dataclasses
import decimal
import math
import uuid
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from enum import Enum
from typing import Any

import numpy as np
import orjson

from ...errors import PredictionFailed
from .foreign_array import as_numpy, native
from .fragments import Fragments, Unfit

_Read = Callable[[Fragments], list[Any]]
_MISSING = ("NAType", "NaTType")  # of pandas; the first is equal to nothing, the other a datetime
LEAST, MOST = -(2**63), 2**64 - 1  # of whole numbers in JSON, as orjson reads and writes it
_LONGEST = 14_000  # bits of a whole number that is written, which takes time by their square


def to_instances(output: Any, *, nan_as_null: bool = False) -> list[Any]:
    """One JSON-ready prediction per row: labels, lists of numbers, or records.

    A DataFrame, a dict and a tuple of arrays become records (a tuple's fields are called
    `output-0`, `output-1`, ...). Whole numbers may be longer than orjson writes them: see
    `instances.written`.

    Raises:
        PredictionFailed: for NaN and infinities unless `nan_as_null`, and for what is not JSON.
    """
    return _instances(output, Fragments.values, nan_as_null=nan_as_null)


def _instances(output: Any, read: _Read, *, nan_as_null: bool) -> list[Any]:
    if isinstance(output, np.ndarray):
        return _listed(output, nan_as_null=nan_as_null)
    if isinstance(output, tuple):
        output = {f"output-{position}": part for position, part in enumerate(output)}
    if isinstance(output, Mapping):
        return _records(output, read, nan_as_null=nan_as_null)
    if isinstance(output, list):
        return [_plain(value, nan_as_null=nan_as_null) for value in output]
    if isinstance(output, Fragments):
        output.check(nan_as_null=nan_as_null)
        return read(output)
    if isinstance(output, Unfit):
        raise output.error()
    if hasattr(output, "columns"):
        return _records(columns(output), read, nan_as_null=nan_as_null)
    if hasattr(output, "to_numpy"):  # a Series
        return _listed(values(output), nan_as_null=nan_as_null)
    raise PredictionFailed(without_rows(output))


def columns(frame: Any) -> dict[str, np.ndarray]:
    """The columns of a DataFrame as arrays.

    Raises:
        PredictionFailed: when two of them have one name, and one would be lost.
    """
    names = list(map(str, frame.columns))
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise PredictionFailed(f"The model answered with two columns called `{twice}`.")
    return {str(name): values(frame[name]) for name in frame.columns}


def as_array(output: Any) -> Any:
    """A Series as an array, everything else as it is."""
    is_series = hasattr(output, "to_numpy") and not hasattr(output, "columns")
    return values(output) if is_series else output


def values(series: Any) -> np.ndarray:
    """A Series as an array in which a value looks the same whatever others are missing."""
    lacks = getattr(getattr(series, "dtype", None), "na_value", None)
    if type(lacks).__name__ == "NAType" and series.hasnans:
        missing: np.ndarray = series.to_numpy(dtype=object)  # else whole numbers became floats
        return missing
    plain: np.ndarray = series.to_numpy()
    return plain


def without_rows(output: Any) -> str:
    """The error for an answer that does not consist of rows."""
    return f"The model answered with a `{type(output).__name__}`, not with rows."


def to_wire(output: Any, *, nan_as_null: bool = False) -> Any:
    """As `to_instances`, but numeric arrays stay arrays, for `orjson.OPT_SERIALIZE_NUMPY`."""
    if isinstance(output, np.ndarray) and output.ndim and is_numeric(output):
        if output.dtype.kind != "f" or np.isfinite(output).all():
            return np.ascontiguousarray(output)  # orjson takes no other
        _refuse_nan(output, nan_as_null=nan_as_null)  # orjson writes null for NaN by itself
        return np.ascontiguousarray(output)
    if isinstance(output, Fragments):
        output.check(nan_as_null=nan_as_null)
        return orjson.Fragment(output.whole())
    return _instances(output, Fragments.rows, nan_as_null=nan_as_null)


def is_numeric(array: np.ndarray) -> bool:
    """Whether orjson writes the array as it is."""
    # orjson knows no float128, no complex and no foreign byte order.
    return array.dtype.kind in "fiub" and array.dtype.itemsize <= 8 and array.dtype.isnative  # noqa: PLR2004


def _records(columns: Mapping[str, Any], read: _Read, *, nan_as_null: bool) -> list[Any]:
    lists = {
        str(name): _instances(column, read, nan_as_null=nan_as_null)
        for name, column in columns.items()
    }
    if len({len(column) for column in lists.values()}) > 1:
        raise PredictionFailed("The model's outputs differ in their number of rows.")
    names = tuple(lists)
    return [dict(zip(names, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _listed(array: np.ndarray, *, nan_as_null: bool) -> list[Any]:
    if array.ndim == 0:
        raise PredictionFailed("The model answered with one value, not with rows.")
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:  # noqa: PLR2004  no float of Python's
        array = array.astype(np.float64)
    if array.dtype.kind in "iubU" or (array.dtype.kind == "f" and np.isfinite(array).all()):
        listed: list[Any] = array.tolist()
        return listed
    if array.dtype.kind == "f":
        _refuse_nan(array, nan_as_null=nan_as_null)
    if array.dtype.kind == "m":  # of nanoseconds, `tolist` makes bare numbers
        raise PredictionFailed("The model answered with a `timedelta`, which is not JSON.")
    if array.dtype.kind == "M":
        array = np.where(np.isnat(array), math.nan, np.datetime_as_string(array).astype(object))
    return [_plain(value, nan_as_null=nan_as_null) for value in array.tolist()]


def _refuse_nan(array: np.ndarray, *, nan_as_null: bool) -> None:
    if nan_as_null:
        return
    place = "".join(f"[{index}]" for index in np.argwhere(~np.isfinite(array))[0])
    raise PredictionFailed(f"predictions{place} is not a finite number.")


def _plain(value: Any, *, nan_as_null: bool) -> Any:
    """`value` out of JSON's own types."""
    if type(value) is orjson.Fragment:
        return value  # JSON already
    if isinstance(value, np.ndarray):
        return _nested(value, nan_as_null=nan_as_null)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, nan_as_null=nan_as_null) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, nan_as_null=nan_as_null) for item in value]
    if isinstance(value, np.datetime64):
        # item() of nanoseconds is a bare integer
        value = math.nan if np.isnat(value) else str(value)
    return _scalar(value.item() if isinstance(value, np.generic) else value, null=nan_as_null)


def _scalar(value: Any, *, null: bool) -> Any:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, (float, np.floating)):  # of 128 bits none is Python's own
        return _finite(float(value), nan_as_null=null)
    if type(value).__name__ in _MISSING:
        return _finite(math.nan, nan_as_null=null)
    if isinstance(value, (datetime, date)):
        value = value.isoformat()
    if value is None or isinstance(value, (str, bool)):
        return str.__str__(value) if isinstance(value, str) else value
    if isinstance(value, int):
        return _whole(int(value))
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    return _plain(_as_json_types(value), nan_as_null=null)


def _as_json_types(value: Any) -> Any:
    """A record, a set, another library's array, or what is told as text: as an author's service."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(type(value), "__attrs_attrs__"):
        return {each.alias: getattr(value, each.name) for each in type(value).__attrs_attrs__}
    if hasattr(value, "model_dump"):  # of pydantic
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, AbstractSet):
        return sorted(value, key=repr)  # in the same order in each process
    if isinstance(value, (uuid.UUID, decimal.Decimal)):
        return str(value)
    array = as_numpy(value)
    if array is not None:
        return array
    raise PredictionFailed(
        f"The model answered with a `{type(value).__name__}`, which is not JSON."
    )


def _whole(value: int) -> int:
    if value.bit_length() <= _LONGEST:
        return value
    raise PredictionFailed("The model answered with a whole number of more than 4,000 digits.")


def _nested(array: np.ndarray, *, nan_as_null: bool) -> Any:
    array = native(array)
    if array.ndim:
        return _listed(array, nan_as_null=nan_as_null)
    return _plain(array.item(), nan_as_null=nan_as_null)


def _finite(value: float, *, nan_as_null: bool) -> float | None:
    if math.isfinite(value):
        return value
    if nan_as_null:
        return None
    raise PredictionFailed("A prediction is not a finite number.")
