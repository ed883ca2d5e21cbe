"""ExactArray: lists as arrays that hold the values as they are.

NumPy makes texts of numbers beside texts, floats of whole numbers beside larger ones, and drops
the zeros at the end of a text. Where it would, the array is one of objects.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

_NUMBERS = (int, float, np.integer, np.floating)
_OTHERS = (bool, np.bool_, np.datetime64)
_EXACT = 2**53  # up to here a float is each whole number


def exact_array(values: Sequence[Any]) -> np.ndarray:
    """The values, with the dtype that NumPy has for all of them, or as objects."""
    objects = _objects(values)
    kinds = set(map(type, objects.flat))
    if kinds and all(issubclass(kind, _NUMBERS) and kind is not bool for kind in kinds):
        numbers = np.asarray(values)
        is_whole = any(issubclass(kind, int | np.integer) for kind in kinds)
        is_rounded = numbers.dtype.kind == "f" and is_whole and (abs(numbers) >= _EXACT).any()
        return objects if is_rounded else numbers
    is_text = kinds == {str} and not any(text.endswith("\0") for text in objects.flat)
    is_alike = len(kinds) == 1 and issubclass(next(iter(kinds)), _OTHERS)
    return np.asarray(values) if is_text or is_alike or not kinds else objects


def _objects(values: Sequence[Any]) -> np.ndarray:
    try:
        return np.array(values, dtype=object)
    except ValueError:  # arrays of different shapes
        return np.fromiter(values, object, len(values))
