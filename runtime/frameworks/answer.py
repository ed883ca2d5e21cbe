"""Answer: what a model returned, out of the kinds of batch that the rest of the server knows."""

from typing import Any

import numpy as np


def settled(answer: Any) -> Any:
    """An answer of Polars as arrays, a namedtuple as a mapping, what is masked as NaN or None.

    Everything else as it is.
    """
    if isinstance(answer, tuple) and hasattr(answer, "_asdict"):
        named: dict[str, Any] = answer._asdict()  # the author's own names for the outputs
        return named
    if isinstance(answer, np.ma.MaskedArray):
        return _unmasked(answer)
    if type(answer).__module__.partition(".")[0] != "polars":
        return answer
    if hasattr(answer, "collect"):
        answer = answer.collect()
    if hasattr(answer, "get_columns"):
        return {column.name: column.to_numpy() for column in answer.get_columns()}
    return answer.to_numpy()


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
