"""Lengths: finds the axes that vary in size, from sample rows of different lengths."""

from dataclasses import replace
from typing import Any

import numpy as np

from ....runtime.manifests.signature import OBJECTS, Field, Side


def split(rows: Any) -> tuple[Any, list[Any]]:
    """Rows as long as the first, as one array, and one of each other shape as an array of its own.

    What is not a list of arrays of different shapes stays as it is.
    """
    if not isinstance(rows, list) or not rows:
        return rows, []
    arrays = [each for each in map(_array, rows) if each is not None]
    shapes = dict.fromkeys(each.shape for each in arrays)
    if len(arrays) < len(rows):
        return rows, []
    if len(shapes) == 1 or len({len(shape) for shape in shapes}) != 1 or () in shapes:
        return rows, []
    first, *others = ([each for each in arrays if each.shape == shape] for shape in shapes)
    return np.stack(first), [np.stack(each[:1]) for each in others]


def free(side: Side, others: list[Side]) -> Side:
    """`side` with the axes free in which the same fields are of another size in `others`."""
    for other in others:
        if [field.name for field in other.fields] != [field.name for field in side.fields]:
            return OBJECTS
        fields = map(_freed, side.fields, other.fields)
        side = replace(side, fields=tuple(fields))
    return side


def _freed(field: Field, other: Field) -> Field:
    pairs = zip(field.shape, other.shape, strict=True)
    return replace(field, shape=tuple(size if size == new else None for size, new in pairs))


def _array(row: Any) -> np.ndarray | None:
    """A row of numbers; None for any other."""
    try:
        array = np.asarray(row)
    except (TypeError, ValueError):
        return None
    return array if array.dtype.kind in "biuf" else None
