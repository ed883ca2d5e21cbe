"""The axis of the rows: first for all but the model, and put back where it was squeezed away."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..manifests.signature import Field, Side, Signature

_ONE = (np.generic, float, int, str)
_VALUES = (np.ndarray, *_ONE)


def call(function: Callable[[Any], Any], signature: Signature, batch: Any) -> Any:
    """Call `function` with a batch; inputs and outputs here have the rows first.

    It gets each input, and gives each output, with the rows on the axis that `signature` says.
    """
    answer = function(_each(batch, signature.inputs, _inward))
    return rows_first(answer, signature.outputs)


def rows_first(parts: Any, side: Side) -> Any:
    """A batch or an answer of the model's own, with the rows on the first axis."""
    return _each(parts, side, _outward)


def is_other(side: Side) -> bool:
    """Whether the model has rows on another axis than the first."""
    return any(field.axis for field in side.fields)


def _each(parts: Any, side: Side, step: Callable[[Any, Field], Any]) -> Any:
    if not is_other(side):
        return parts
    if isinstance(parts, Mapping):
        fields = {field.name: field for field in side.fields}
        return {
            name: step(part, fields[str(name)]) if str(name) in fields else part
            for name, part in parts.items()
        }
    if isinstance(parts, tuple) and len(parts) == len(side.fields):
        return tuple(map(step, parts, side.fields))
    return step(parts, side.fields[0]) if len(side.fields) == 1 else parts


def _inward(part: Any, field: Field) -> Any:
    return _moved(part, field, 0, field.axis)


def _outward(part: Any, field: Field) -> Any:
    return _moved(part, field, field.axis, 0)


def _moved(part: Any, field: Field, source: int, target: int) -> Any:
    """Move the axis of the rows; an output that was squeezed stays unchanged."""
    if not field.axis or not isinstance(part, np.ndarray) or part.ndim != len(field.shape):
        return part
    return np.ascontiguousarray(np.moveaxis(part, source, target))


def restored(answer: Any, side: Side) -> Any:
    """The answer to one row, with the batch axis restored as in `side`.

    What ends in `.squeeze()` answers many rows with (n, 3) or (n,), and one row with (3,) or one
    value. Anything else comes back as it is.
    """
    if not side.fields:
        return [answer] if isinstance(answer, _ONE) else answer
    if isinstance(answer, Mapping):
        fields = {field.name: field for field in side.fields}
        return {name: _row(part, fields.get(str(name))) for name, part in answer.items()}
    if isinstance(answer, tuple):
        if len(answer) != len(side.fields):
            return answer
        return tuple(map(_row, answer, side.fields))
    return _row(answer, side.fields[0]) if len(side.fields) == 1 else answer


def _row(part: Any, field: Field | None) -> Any:
    if field is None or not isinstance(part, _VALUES):
        return part
    array = np.asarray(part)
    row = field.shape[1:]
    if array.ndim != len(row) or any(
        size not in {None, got} for size, got in zip(row, array.shape, strict=True)
    ):
        return part
    return array[None]
