"""Independence: tests whether rows of several requests may share one call."""

import inspect
from collections.abc import Callable
from typing import Any

from ....runtime.data.rows import table
from ....runtime.data.samples import compare
from ....runtime.models import batch_axis
from . import signatures

Call = Callable[[Any], Any]


def differs(call: Call, batch: Any, answer: Any) -> bool | None:
    """Whether the answer to a row changes without the rows around it.

    None if that cannot be tried: the model does not give n answers for n rows, or it fails on a
    single row, or on a row twice.
    """
    try:
        count = table.rows(batch)
        if table.rows(answer) != count:
            return None
        whole = _listed(answer)
        if count == 1:
            return bool(compare(whole * 2, _listed(call(table.concat([batch, batch])))))
        side = signatures.side_of(answer, "output")

        def alone(at: int) -> list[Any]:
            one = call(table.slice(batch, at, at + 1))
            return _listed(batch_axis.restored(one, side))

        # A score moves with each row; a label only where it was close, so each one is asked.
        places = range(count) if _is_rough(whole) else (0, count - 1)
        rows = [row for at in places for row in alone(at)]
        return bool(compare([whole[at] for at in places], rows))
    except Exception:  # noqa: BLE001  it answered before: alone or doubled, it cannot
        return None


def is_of_sequences(model: Any, method: str) -> bool:
    """Whether the rows are one after the other in time: `lengths` says where a sequence ends.

    As `predict(X, lengths=None)` of hidden Markov models. Where states are certain, no sample
    shows that they depend on their neighbors.
    """
    try:
        return "lengths" in inspect.signature(getattr(model, method)).parameters
    except (AttributeError, TypeError, ValueError):  # the object itself, or one written in C
        return False


def _listed(answer: Any) -> list[Any]:
    return table.to_instances(answer, nan_as_null=True)


def _is_rough(value: Any) -> bool:
    """Whether there is no number with a fraction in it."""
    if isinstance(value, dict):
        return all(map(_is_rough, value.values()))
    if isinstance(value, list):
        return all(map(_is_rough, value))
    return not isinstance(value, float) or value.is_integer()
