"""Stacking: rows of any JSON as one array, if that takes no excessive memory.

NumPy gives each value of an array of texts as much room as the longest of them takes: one text of a
megabyte among ten thousand numbers would be forty gigabytes.
"""

from typing import Any

import numpy as np

_MOST = 1 << 26  # bytes of texts in an array
_CHARACTER = 4  # bytes


def stacked(rows: list[Any]) -> np.ndarray:
    """The rows as NumPy would have them; as objects where their texts would take too much room.

    Raises:
        ValueError: when they differ in their shape.
    """
    return np.asarray(rows, object) if _is_burden(rows) else np.asarray(rows)


def texts(column: list[str]) -> np.ndarray | None:
    """Texts as an array of such; None where they would take too much room, or one ends in zeros.

    NumPy takes those zeros for what pads the text.
    """
    is_cut = any(text.endswith("\0") for text in column)
    return None if is_cut or _is_burden(column) else np.array(column, "U")


def _is_burden(rows: list[Any]) -> bool:
    values = np.asarray(_listed(rows), object).ravel().tolist()
    longest = max((len(each) for each in values if isinstance(each, (str, bytes))), default=0)
    return longest * _CHARACTER * len(values) > _MOST


def _listed(rows: list[Any]) -> list[Any]:
    """The same without arrays among them, whose values are no texts."""
    return [row for row in rows if not isinstance(row, np.ndarray)]
