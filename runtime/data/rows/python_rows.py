"""Rows that an author's code gives to a model: records of Python's and NumPy's values."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import InvalidInput, PredictionFailed
from ...manifests.signature import Field
from .predictions import to_instances


def spelled(rows: list[Any]) -> list[Any]:
    """Rows of Python values as JSON would bring them.

    Raises:
        InvalidInput: for a value that no model could take.
    """
    if has_infinity(rows):
        raise InvalidInput("instances: expected a value everywhere, got an infinity.")
    try:
        return to_instances(rows, nan_as_null=True)
    except PredictionFailed:
        raise InvalidInput("instances: expected plain values, times and arrays.") from None


def columns(fields: Sequence[Field], arrays: tuple[Any, ...]) -> dict[str, Any]:
    """Several inputs in the order of the signature, by name.

    Raises:
        InvalidInput: for another number of them.
    """
    if len(arrays) != len(fields):
        raise InvalidInput(f"expected {len(fields)} arrays, got {len(arrays)}.")
    return {field.name: array for field, array in zip(fields, arrays, strict=True)}


def has_infinity(value: Any) -> bool:
    """Whether it is an infinity, or holds one: JSON has none."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, np.ndarray):
        if value.dtype.kind != "O":
            return value.dtype.kind == "f" and bool(np.isinf(value).any())
        value = value.ravel().tolist()
    if isinstance(value, list | tuple):
        return any(map(has_infinity, value))
    return isinstance(value, float | np.floating) and math.isinf(value)
