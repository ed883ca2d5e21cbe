"""Table labels: finds models that need labels of a table which no request brings.

A request calls columns by text, and its rows by nothing.
"""

from collections.abc import Callable
from typing import Any

from ....runtime.data.samples import Samples, compare
from ...errors import SampleMismatch

Tried = Callable[[Any], list[Any] | None]
"""The answer to a batch as JSON has it; None where the model fails on it."""

_HINT_INDEX = (
    "Requests bring rows without an index. Make it a column (`frame.reset_index()`), and read that "
    "in the model."
)
_HINT_NAMES = (
    "Requests call columns by text: the model has to take {name!r} for `{label!r}`. Give the "
    "columns such names before training, or rename them in the model."
)


def first(sample: Any, count: int) -> Any:
    """The first rows of a table of pandas, with its labels; None for all else."""
    return sample.iloc[:count] if hasattr(sample, "columns") and hasattr(sample, "iloc") else None


def hint(frame: Any, tried: Tried) -> str | None:
    """Why a model failed on `frame` as requests bring it; None where its labels are not why."""
    if frame is None:
        return None
    label = next((name for name in frame.columns if not isinstance(name, str)), None)
    if label is not None and tried(frame.reset_index(drop=True)) is not None:
        return _HINT_NAMES.format(name=str(label), label=label)
    return _HINT_INDEX if _has_index(frame) and tried(_named_by_text(frame)) is not None else None


def check_index(samples: Samples, frame: Any, tried: Tried) -> None:
    """Refuse a model that answers `frame` otherwise than the same rows without their index.

    The order does not count: a function may answer in that of the index.

    Raises:
        SampleMismatch: with what to do.
    """
    if frame is None or not _has_index(frame) or len(frame) != len(samples.inputs):
        return
    own = tried(_named_by_text(frame))
    if own is None or not compare(samples.outputs, own):
        return
    if compare(sorted(samples.outputs, key=repr), sorted(own, key=repr)):
        raise SampleMismatch(
            f"`{samples.method}` answers otherwise without the index of the sample, which no "
            "request brings.",
            hint=_HINT_INDEX,
        )


def _has_index(frame: Any) -> bool:
    return bool(frame.index.tolist() != list(range(len(frame))))


def _named_by_text(frame: Any) -> Any:
    return frame.set_axis(list(map(str, frame.columns)), axis=1)
