"""Sample rows: converts a given sample to rows that a model can be called with."""

import copy
from array import array
from collections import UserList, deque
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np

from ....runtime.data.rows import table
from ....runtime.data.samples import compare
from ....runtime.errors import PredictionFailed
from ....runtime.manifests.signature import Field, Side
from ...errors import SampleMismatch

TEXTS = (
    "Texts come as an array of objects; in lists and objects, times and what else JSON has no type "
    "for come as text, and arrays as lists: convert them in the model, or in a service class."
)
_LACKING = frozenset({"str", "bool"})  # of which None or NaN may stand for a missing one
_HINT_GAPS = "A text or boolean that is missing comes as None or as NaN: ask with `pandas.isna`."
_HINT_ROW = "One row is given as a list of one: `[row]`."
_HINT_LIST = "Give the rows as a list: `list(rows)`."
_HINT_FEW = "Give a few rows, as the model takes them."
_HINT_PARTS = (
    "Give each input as an array with a value for each row, one row as an array of one; what takes "
    "a single value for all rows needs a service class."
)
_HINT_RECORDS = "Give a DataFrame of it, `pandas.DataFrame(array)`, or a dict of its arrays."


def plain(sample: Any) -> Any:
    """Arrow's tables as DataFrames, buffers as arrays, what is masked as NaN, a range as a list.

    All else comes back as it is.

    Raises:
        SampleMismatch: for what has no rows, and what no request could bring as it is.
    """
    sample = _known(sample)
    if isinstance(sample, Mapping):
        return {name: _filled(part) for name, part in sample.items()}
    if isinstance(sample, tuple):
        return tuple(map(_filled, sample))
    if not hasattr(sample, "__len__") or isinstance(sample, (str, bytes, AbstractSet)):
        raise _no_rows(sample)
    if getattr(sample, "ndim", 1) == 0:
        raise SampleMismatch("The sample is one value, not rows.", hint=_HINT_ROW)
    if isinstance(sample, np.ndarray) and sample.dtype.names is not None:
        raise SampleMismatch(
            "The sample is a structured array, which no request can bring.", hint=_HINT_RECORDS
        )
    return _filled(sample)


def _known(sample: Any) -> Any:
    """What is like a table, a matrix or a list, as one that all else here knows."""
    library = type(sample).__module__.partition(".")[0]
    if library == "pyarrow" and hasattr(sample, "schema"):
        sample = sample.to_pandas()
    if library == "polars" and hasattr(sample, "collect"):
        sample = sample.collect()
    if library == "pandas" and hasattr(sample, "columns"):
        sample = _common(sample)
    if isinstance(sample, Mapping) and hasattr(sample, "tocoo"):  # a sparse matrix of keys
        sample = sample.tocoo()
    if isinstance(sample, (range, deque, UserList)):
        sample = list(sample)
    if isinstance(sample, (memoryview, array)):
        sample = np.array(sample)  # a copy: what is below may be freed or resized
    return sample


def is_foreign(sample: Any) -> bool:
    """Whether it is a table that reaches the model as one of pandas."""
    return type(sample).__module__.partition(".")[0] in {"polars", "pyarrow"}


def copied(batch: Any) -> Any:
    """A batch of its own for one call: models add columns to a table, or scale rows in place."""
    try:
        return copy.deepcopy(batch)
    except Exception:  # noqa: BLE001  an object of the author's that has one owner
        return batch


def check(batch: Any) -> None:
    """Refuse a batch that is not made of rows, or of none.

    Raises:
        SampleMismatch: with what it is instead.
    """
    if isinstance(batch, Mapping):
        _check_parts(batch)
    elif not (isinstance(batch, (np.ndarray, list)) or hasattr(batch, "iloc")):
        raise _no_rows(batch)
    elif np.shape(batch)[:1] == (0,) if not isinstance(batch, list) else not batch:
        raise SampleMismatch("The sample has no rows.", hint=_HINT_FEW)


def check_sayable(batch: Any) -> None:
    """Refuse rows that no request could bring.

    Raises:
        SampleMismatch: with what is in them.
    """
    try:
        table.to_instances(batch, nan_as_null=True)
    except PredictionFailed as error:
        reason = error.detail.replace("The model answered with", "it has")
        raise SampleMismatch(
            f"No request can bring rows like those of the sample: {reason}",
            hint="Give numbers, text, times or what else JSON has; a service class can convert it.",
        ) from error


def check_alike(method: str, inputs: Side, own: list[Any] | None, sent: list[Any]) -> None:
    """Refuse a model that answers rows of any values otherwise once a request has brought them.

    own    its answers to the sample as it was given; None where there are none in JSON
    sent   those to the same rows from JSON, where dates, decimals and the like are text or numbers

    Raises:
        SampleMismatch: with the first difference.
    """
    is_free = not inputs.fields or any(map(_is_free, inputs.fields))
    has_gaps = any(field.is_nullable and field.dtype in _LACKING for field in inputs.fields)
    differences = compare(own, sent) if (is_free or has_gaps) and own is not None else []
    if differences:
        raise SampleMismatch(
            f"`{method}` answers the same rows otherwise as a request brings them: "
            f"{differences[0]}.",
            hint=TEXTS if is_free else _HINT_GAPS,
        )


def _is_free(field: Field) -> bool:
    """Whether values are what they are in each request: anything, or categories of times."""
    return field.dtype == "object" or (field.dtype.startswith("category") and not field.categories)


def _check_parts(parts: Mapping[str, Any]) -> None:
    alone = [name for name, part in parts.items() if np.ndim(part) == 0]
    if alone:
        raise SampleMismatch(
            f"`{alone[0]}` of the sample is one value, not rows.", hint=_HINT_PARTS
        )
    counts = {name: len(part) for name, part in parts.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"`{name}` has {count}" for name, count in counts.items())
        raise SampleMismatch(
            f"The parts of the sample differ in their number of rows: {listed}.", hint=_HINT_PARTS
        )
    if not sum(counts.values()):
        raise SampleMismatch("The sample has no rows.", hint=_HINT_FEW)


def _common(table: Any) -> Any:
    """Columns of rare dtypes as requests will bring them: dense, native, numpy's own times."""
    wanted = {place: _wanted(dtype) for place, dtype in enumerate(table.dtypes)}
    if not any(wanted.values()):
        return table
    made = table.copy(deep=False)
    for place, dtype in wanted.items():
        if dtype:
            made.isetitem(place, table.iloc[:, place].astype(dtype))
    return made


def _wanted(dtype: Any) -> str | None:
    if isinstance(dtype, np.dtype):
        return None if dtype.isnative else str(dtype.newbyteorder("="))
    kind = type(dtype).__name__
    if kind == "SparseDtype":
        return str(dtype.subtype)
    if kind == "ArrowDtype" and dtype.kind == "M" and hasattr(dtype.pyarrow_dtype, "unit"):
        zone = f", {dtype.pyarrow_dtype.tz}" if dtype.pyarrow_dtype.tz else ""
        return f"datetime64[{dtype.pyarrow_dtype.unit}{zone}]"
    return None


def _no_rows(sample: Any) -> SampleMismatch:
    is_value = isinstance(sample, (str, bytes, bytearray)) or not _is_iterable(sample)
    hint = _HINT_ROW if is_value else _HINT_LIST
    return SampleMismatch(f"The sample is a `{type(sample).__name__}`, not rows.", hint=hint)


def _is_iterable(sample: Any) -> bool:
    return isinstance(sample, Iterable) or hasattr(type(sample), "__getitem__")


def _filled(part: Any) -> Any:
    if type(part) is np.ndarray or not isinstance(part, np.ndarray):
        return part  # before `np.ma` is looked up, which takes 50 ms to be imported
    if not isinstance(part, np.ma.MaskedArray):
        return part
    if not np.ma.is_masked(part):
        return part.data
    if part.dtype.kind not in "fiu":
        raise SampleMismatch(
            f"Values of {part.dtype} in the sample are masked, which no request can say.",
            hint="Mask numbers only, which become NaN.",
        )
    floats = part if part.dtype.kind == "f" else part.astype(np.float64)
    filled: np.ndarray = np.ma.filled(floats, np.nan)
    return filled
