"""Sample file: reads sample rows from JSON, CSV, npy or npz."""

import csv
import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from ....runtime.data.codecs import npy, npz
from ....runtime.errors import RequestError
from ...errors import InvalidSource
from ...untrusted import plain_file

SUFFIXES = (".json", ".csv", ".npy", ".npz")
_LARGEST = 1 << 30  # bytes, also of what is compressed in it: a few rows are enough
_CODE = re.compile(r"0\d+")  # a postal code or an account, whose zeros a number would lose


def read(path: Path) -> Any:
    """The rows in a file: an ndarray, ndarrays by name, a DataFrame, or the list in the JSON.

    JSON is a list of rows, or a request: `{"instances": [...]}`. A CSV whose first line is not all
    numbers has a header. A column with a value such as 0150 is a column of text.

    Raises:
        InvalidSource: when it cannot be read as what its suffix says.
    """
    readers = {".json": _json, ".csv": _csv, ".npy": _npy, ".npz": _npz}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InvalidSource(
            f"The sample `{path}` is none of {', '.join(SUFFIXES)}.",
            hint="Write the rows as JSON: a list of lists, or of objects.",
        )
    try:
        rows = reader(plain_file.read(path, _LARGEST))
    except FileNotFoundError as error:
        raise InvalidSource(f"There is no sample `{path}`.") from error
    except (OSError, ValueError, RecursionError, csv.Error, RequestError) as error:
        why = str(error).rstrip(".") or type(error).__name__
        raise InvalidSource(f"The sample `{path}` cannot be read: {why}.") from error
    except ImportError as error:
        raise InvalidSource(
            f"The sample `{path}` has named columns; `pandas`, which reads them, is not installed.",
            hint="Install it with `pip install pandas`.",
        ) from error
    if not len(rows):
        raise InvalidSource(f"The sample `{path}` has no rows.")
    return rows


def _json(data: bytes) -> list[Any]:
    found = json.loads(data)
    rows = found.get("instances") if isinstance(found, dict) else found
    if not isinstance(rows, list):
        raise ValueError('it is neither a list of rows nor {"instances": [...]}')  # noqa: TRY004
    return rows


def _npy(data: bytes) -> np.ndarray:
    rows = npy.loads(data)
    if rows.ndim == 0:
        raise ValueError("it holds one value, not rows")
    return rows.copy(order="K")  # a model may write into it


def _npz(data: bytes) -> dict[str, np.ndarray]:
    """An array for each input of a model that takes several."""
    arrays = npz.loads(data, _LARGEST)
    return {name: array.copy(order="K") for name, array in arrays.items()}


def _csv(data: bytes) -> Any:
    text = data.decode("utf-8-sig")
    first = next(csv.reader(StringIO(text, newline="")), [])
    if first and all(map(_is_number, first)):
        return np.loadtxt(StringIO(text), delimiter=",", ndmin=2)
    import pandas as pd

    cells = pd.read_csv(StringIO(text), dtype=str)
    codes = {
        name
        for row in cells.to_numpy()
        for name, cell in zip(cells, row, strict=True)
        if _is_code(cell)
    }
    return pd.read_csv(StringIO(text), dtype=dict.fromkeys(codes, str))


def _is_code(cell: Any) -> bool:
    return isinstance(cell, str) and _CODE.fullmatch(cell) is not None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
