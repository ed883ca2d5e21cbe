"""Answer: converts what a model returned to the types that the server knows."""

from typing import Any

import numpy as np

from ..data.rows.foreign_array import as_numpy
from ..data.rows.predictions import without_rows
from ..errors import PredictionFailed

_NOBODYS = "an attribute of nobody"


def settled(answer: Any) -> Any:
    """An answer of Polars, PyTorch, TensorFlow or JAX as arrays, a namedtuple as a mapping.

    What is masked is NaN or None; everything else as it is.

    Raises:
        PredictionFailed: for an object that claims to have every attribute, as NGBoost's
            distributions do: what it is cannot be told by what it has.
    """
    if type(answer) in {np.ndarray, list}:
        return answer
    if isinstance(answer, (tuple, dict)):
        return _parts(answer)
    if isinstance(answer, np.ndarray) and isinstance(answer, np.ma.MaskedArray):
        return _unmasked(answer)
    if hasattr(answer, _NOBODYS):
        raise PredictionFailed(without_rows(answer))
    if type(answer).__module__.partition(".")[0] != "polars":
        return _part(answer)
    if hasattr(answer, "collect"):
        answer = answer.collect()
    if hasattr(answer, "get_columns"):
        return {column.name: column.to_numpy() for column in answer.get_columns()}
    return answer.to_numpy()


def _parts(answer: Any) -> Any:
    if isinstance(answer, tuple) and hasattr(answer, "_asdict"):
        answer = answer._asdict()  # the author's own names for the outputs
    if isinstance(answer, dict):
        return {name: _part(part) for name, part in answer.items()}
    return tuple(map(_part, answer))


def _part(value: Any) -> Any:
    array = as_numpy(value)
    return value if array is None else array


def _unmasked(answer: Any) -> np.ndarray:
    if answer.dtype.kind == "f":
        filled: np.ndarray = answer.filled(np.nan)
        return filled
    if not np.ma.is_masked(answer):
        plain: np.ndarray = answer.data
        return plain
    gaps: np.ndarray = answer.data.astype(object)
    gaps[np.ma.getmaskarray(answer)] = None
    return gaps
