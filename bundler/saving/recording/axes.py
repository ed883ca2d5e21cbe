"""Axes: finds on which axes a model has the rows of its inputs and of its answers."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ....runtime.data.rows import table
from ....runtime.manifests.signature import Field, Side
from ....runtime.models import batch_axis
from ...errors import SampleMismatch
from . import signatures

BatchAxis = int | Mapping[str, int]
"""The axis of the rows in each input that has so many axes, or by the name of the input."""

_HINT = "`batch_axis` counts from 0, as NumPy does: 1 where the steps of a sequence come first."


def rows_first(side: Side, axis: BatchAxis) -> Side:
    """A side that the model itself declares, with its rows moved to the first axis.

    Raises:
        SampleMismatch: when no input has such an axis.
    """
    if not axis:
        return side
    return _turned(_marked(side, axis), source=lambda field: field.axis, target=lambda _: 0)


def of_model(side: Side) -> Side:
    """The reverse of `rows_first`: the side as the model declares it."""
    return _turned(side, source=lambda _: 0, target=lambda field: field.axis)


def of_batch(batch: Any, axis: BatchAxis) -> Side:
    """The inputs of a batch that has its rows first, for a model that has them on `axis`.

    Raises:
        SampleMismatch: when no input has such an axis.
    """
    side = signatures.side_of(batch, "input")
    return _marked(side, axis) if axis else side


def of_answer(call: Callable[[Any], Any], batch: Any, answer: Any) -> Side:
    """The outputs of a model that gave `answer` to `batch`, with the axes of their rows.

    The model is called again with another number of rows: the axis whose size changes has the rows.

    Raises:
        PredictionFailed: when the outputs differ in their number of rows.
    """
    side, count = signatures.side_of(answer, "output"), table.rows(batch)
    other = table.concat([batch] * 2) if count == 1 else table.slice(batch, 0, 1)
    try:
        second = call(other)
    except Exception:  # noqa: BLE001  it answered before: alone or doubled, it cannot
        return side
    found = zip(side.fields, _parts(answer), _parts(second), strict=False)
    fields = tuple(_seen(field, one, two, count) for field, one, two in found)
    side = replace(side, fields=fields) if fields else side
    again = batch_axis.rows_first(second, side)
    table.rows(batch_axis.restored(again, side))
    return side


def _seen(field: Field, one: Any, two: Any, count: int) -> Field:
    """A field of an answer to `count` rows, with their axis; `two` is of another number of rows."""
    if np.ndim(one) != np.ndim(two):
        return field
    changed = [
        axis
        for axis, sizes in enumerate(zip(one.shape, two.shape, strict=True))
        if sizes[0] == count != sizes[1]
    ]
    if len(changed) != 1:
        return field
    shape = tuple(np.delete(one.shape, changed[0]).tolist())
    return replace(field, shape=(None, *shape), axis=changed[0])


def _parts(answer: Any) -> list[Any]:
    if isinstance(answer, Mapping):
        return list(answer.values())
    return list(answer) if isinstance(answer, tuple) else [answer]


def _marked(side: Side, axis: BatchAxis) -> Side:
    if side.layout not in {"array", "tensors"}:
        raise SampleMismatch(
            "`batch_axis` is for a sample of arrays: a list or a table has its rows first.",
            hint=_HINT,
        )
    named = axis if isinstance(axis, Mapping) else _numbered(side, axis)
    sizes = {field.name: len(field.shape) for field in side.fields}
    for name, number in named.items():
        if name not in sizes:
            known = ", ".join(f"`{field}`" for field in sizes)
            raise SampleMismatch(f"`batch_axis` names `{name}`; the inputs are {known}.")
        if not 0 <= number < sizes[name]:
            raise SampleMismatch(
                f"`batch_axis` is {number}, and `{name}` has {sizes[name]} axes.", hint=_HINT
            )
    fields = (replace(field, axis=named.get(field.name, 0)) for field in side.fields)
    return replace(side, fields=tuple(fields))


def _numbered(side: Side, axis: int) -> Mapping[str, int]:
    fits = {field.name: axis for field in side.fields if 0 <= axis < len(field.shape)}
    return fits or {side.fields[0].name: axis}


def _turned(side: Side, source: Callable[[Field], int], target: Callable[[Field], int]) -> Side:
    if not batch_axis.is_other(side):
        return side

    def turned(field: Field) -> Field:
        sizes = list(field.shape)
        sizes.insert(target(field), sizes.pop(source(field)))
        return replace(field, shape=tuple(sizes))

    return replace(side, fields=tuple(map(turned, side.fields)))
