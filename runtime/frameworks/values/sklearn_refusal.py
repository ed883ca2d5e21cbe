"""scikit-learn's refusals: recognizes its errors about a client's values.

It raises the same `ValueError` for a value that a client sent and for a mistake of the author.
These few are about values alone; anything else is a failure of the model.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import InvalidInput

_UNKNOWN = re.compile(
    r"Found unknown categories \[(.*)\] in column (\d+) during transform", re.DOTALL
)
_UNKNOWN_TO_XGBOOST = re.compile(
    r".*Found a category not in the training set for the .* column: `(.*)`$"
)
_NOT_FINITE = re.compile(r"Input.* contains (?:NaN|infinity or a value too large for (\S+)\.)")
_TOO_LARGE_FOR_XGBOOST = re.compile(r".*Input data contains `inf` or a value too large")
_OF_VALUES = re.compile(
    r"y contains previously unseen labels: "
    r"|`?X`? contains values beyond the limits of the knots"
    r"|The Box-Cox transformation can only be applied to strictly positive data"
    r"|A value \(.*\) in x_new is (?:above|below) the interpolation range"
    r"|Negative values in data passed to "
)
_SCALAR = re.compile(r"np\.\w+\((.*?)\)")  # as NumPy 2 shows one: np.int64(3)
_SHOWN = 160  # characters of what an error repeats


def refusal(error: ValueError, batch: Any) -> InvalidInput | None:
    """What a client is told of `error`, which the model raised for `batch`; None: nothing."""
    message = str(error).partition("\n")[0]
    if unknown := _UNKNOWN.match(message):
        name, value = _column_of(error, int(unknown[2])), _short(unknown[1])
        where = f"instances.{name}" if name else "instances"
        return InvalidInput(f"{where}: {value} is not a category that the model knows.")
    if unknown := _UNKNOWN_TO_XGBOOST.match(message):
        return InvalidInput(
            f"instances: `{_short(unknown[1])}` is not a category that the model knows."
        )
    if finite := _NOT_FINITE.match(message):
        kind = (finite[1] or "").strip("dtype('\")")
        return next(_without_number(batch, kind or "float64"), None)
    if _TOO_LARGE_FOR_XGBOOST.match(message):  # trees take NaN
        return next(_too_large(batch, "float32"), None)
    if _OF_VALUES.match(message):
        return InvalidInput(f"instances: {_short(message).rstrip('.')}.")
    return None


def _short(text: str) -> str:
    plain = _SCALAR.sub(r"\1", text)
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}…"


def _column_of(error: BaseException, position: int) -> str | None:
    """The name of an encoder's column: that encoder is whose method raised the error."""
    trace, names = error.__traceback__, None
    while trace is not None:
        raising = trace.tb_frame.f_locals.get("self")
        names = getattr(raising, "feature_names_in_", None)
        trace = trace.tb_next
    return str(names[position]) if names is not None and position < len(names) else None


def _without_number(batch: Any, dtype: str) -> Iterator[InvalidInput]:
    """Refusals of the columns in which a value is no number of `dtype`."""
    for where, values in _columns(batch):
        if np.isnan(values).any():
            yield InvalidInput(f"{where}: the model takes no missing value here (NaN).")
    yield from _too_large(batch, dtype)


def _too_large(batch: Any, dtype: str) -> Iterator[InvalidInput]:
    """Refusals of the columns in which a number is too large for `dtype`."""
    limit = np.finfo(dtype).max
    for where, values in _columns(batch):
        if (np.abs(values) > limit).any():
            yield InvalidInput(f"{where}: a number is too large for the model ({dtype}).")


def _columns(batch: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Each column of numbers as float64, and where it stands in a request."""
    if hasattr(batch, "columns"):
        for name in batch.columns:
            if batch[name].dtype.kind in "fiu":
                yield f"instances.{name}", batch[name].to_numpy("float64", na_value=np.nan)
    elif isinstance(batch, np.ndarray) and batch.dtype.kind in "fiu":
        table = batch.reshape(len(batch), -1)
        for position in range(table.shape[1]):
            yield f"instances, column {position}", table[:, position].astype("float64")
