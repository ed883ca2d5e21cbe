"""Answer: converts what a model returned to the types that the server knows."""

from typing import Any

import numpy as np

from ..data.rows.foreign_array import as_numpy, native
from ..data.rows.predictions import without_rows
from ..errors import PredictionFailed

_NOBODYS = "an attribute of nobody"


def settled(answer: Any) -> Any:
    """An answer of Polars, Arrow, PyTorch, TensorFlow or JAX as arrays or a table of pandas.

    A namedtuple becomes a mapping, an index of pandas a Series. What is masked is NaN or None;
    everything else as it is. So are the parts of a tuple or mapping.

    Raises:
        PredictionFailed: for an object that claims to have every attribute, as NGBoost's
            distributions do: what it is cannot be told by what it has.
    """
    if type(answer) is list:
        return answer
    if isinstance(answer, tuple) and hasattr(answer, "_asdict"):
        answer = answer._asdict()  # the author's own names for the outputs
    if isinstance(answer, dict):
        return {name: _part(part) for name, part in answer.items()}
    return tuple(map(_part, answer)) if isinstance(answer, tuple) else _part(answer)


def _part(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return native(value)
    if hasattr(value, _NOBODYS):
        raise PredictionFailed(without_rows(value))
    library = type(value).__module__.partition(".")[0]
    if library in _TABLES:
        return _TABLES[library](value)
    array = as_numpy(value)
    return value if array is None else array


def _of_pandas(value: Any) -> Any:
    """A Series of an index or of an array of pandas' own, which have no rows to cut out."""
    if hasattr(value, "iloc") or not (hasattr(value, "dtype") and hasattr(value, "to_numpy")):
        return value
    import pandas as pd

    return pd.Series(value)


def _of_arrow(value: Any) -> Any:
    return value.to_pandas() if hasattr(value, "to_pandas") else value


def _of_polars(value: Any) -> Any:
    if hasattr(value, "collect"):
        value = value.collect()
    if hasattr(value, "get_columns"):
        return {column.name: _values(column) for column in value.get_columns()}
    return _values(value) if hasattr(value, "to_numpy") else value


def _values(series: Any) -> np.ndarray:
    """Its values; NumPy would take the names from records."""
    if "Struct" in str(series.dtype):
        return np.fromiter(series.to_list(), object, len(series))
    plain: np.ndarray = series.to_numpy()
    return plain


_TABLES = {"pandas": _of_pandas, "pyarrow": _of_arrow, "polars": _of_polars}
