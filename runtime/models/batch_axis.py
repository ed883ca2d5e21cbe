"""The axis of the rows in an answer: put back where the model has squeezed it away."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..manifests.signature import Field, Side

_ONE = (np.generic, float, int, str)
_VALUES = (np.ndarray, *_ONE)


def restored(answer: Any, side: Side) -> Any:
    """The answer to one row, with the axis that `side` says answers have.

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
