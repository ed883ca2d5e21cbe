"""Row order: puts the answers of pandas back into the order of the rows that were given."""

from typing import Any

import numpy as np


def restored(answer: Any, rows: Any) -> Any:
    """`answer` in the order of the rows in `given`, where its index says that it has another.

    A Series or DataFrame that was sorted still says of each answer which row it is for. That is
    so for an index without a name of all numbers from 0, if the rows had those; what was grouped
    has a name, and what was chosen or has labels of its own stays as it is. So do other answers.
    """
    if isinstance(answer, dict):
        return {name: _restored(part, rows) for name, part in answer.items()}
    if type(answer) is tuple:
        return tuple(_restored(part, rows) for part in answer)
    return _restored(answer, rows)


def _restored(answer: Any, rows: Any) -> Any:
    if not _has_numbers(answer) or (hasattr(rows, "iloc") and not _is_counted(rows.index)):
        return answer
    if _is_counted(answer.index):
        return answer
    places = np.argsort(answer.index.to_numpy(), kind="stable")
    is_permuted = np.array_equal(answer.index.to_numpy()[places], np.arange(len(places)))
    return answer.iloc[places] if is_permuted else answer


def _has_numbers(answer: Any) -> bool:
    """Whether it is of pandas, with an index of whole numbers and no name."""
    if type(answer).__module__.partition(".")[0] != "pandas" or not hasattr(answer, "iloc"):
        return False
    return answer.index.name is None and getattr(answer.index.dtype, "kind", "") in "iu"


def _is_counted(index: Any) -> bool:
    """Whether it is 0, 1, 2, ..., as every table has it at first."""
    if type(index).__name__ == "RangeIndex":
        return (index.start, index.step) == (0, 1) or not len(index)
    return np.array_equal(index.to_numpy(), np.arange(len(index)))
