"""Missing values: finds the fields that may be missing, from the sample and the model."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ....runtime.data.rows import column, table
from ....runtime.manifests.signature import Field, Side

_HAS_MISSING = frozenset("fstc")  # families of dtypes in which JSON's null is a value
_ASKED = 64  # fields that are asked one by one; wider tables take null everywhere or nowhere


def seen(side: Side, batch: Any) -> Side:
    """Mark the fields of which the sample itself lacks a value."""
    return _marked(side, {field.name for field in side.fields if _lacks(_part(side, batch, field))})


def asked(side: Side, instances: list[Any], answers: Callable[[Any], bool]) -> Side:
    """Mark the fields too without which the model answers all the same, by asking it.

    `answers` says whether the model has an answer for a batch.
    """
    names = [f.name for f in side.fields if column.family(f.dtype) in _HAS_MISSING]

    def takes(lacking: set[str]) -> bool:
        marked = _marked(side, lacking)
        rows = [_without(instances[0], marked, lacking), *instances[1:2]]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a question that nobody asked
            return answers(table.collate(marked, rows))

    if not instances or not names or side.layout == "objects":
        return side
    if takes(set(names)):
        return _marked(side, set(names))
    few = names if 1 < len(names) <= _ASKED else []
    return _marked(side, {name for name in few if takes({name})})


def _marked(side: Side, names: set[str]) -> Side:
    return replace(
        side,
        fields=tuple(
            replace(field, is_nullable=True)
            if field.name in names and column.family(field.dtype) in _HAS_MISSING
            else field
            for field in side.fields
        ),
    )


def _part(side: Side, batch: Any, field: Field) -> Any:
    return batch if side.layout == "array" else batch[field.name]


def _lacks(values: Any) -> bool:
    if hasattr(values, "isna"):
        return bool(values.isna().any())
    kind = values.dtype.kind
    if kind in "fM":
        return bool((values != values).any())  # noqa: PLR0124  NaN and NaT
    return kind == "O" and any(value is None or value != value for value in values.flat)  # noqa: PLR0124


def _without(instance: Any, side: Side, names: set[str]) -> Any:
    if side.layout == "array":
        return _emptied(instance)
    return {name: _emptied(value) if name in names else value for name, value in instance.items()}


def _emptied(value: Any) -> Any:
    return list(map(_emptied, value)) if isinstance(value, list) else None
