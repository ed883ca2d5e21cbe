"""Sample file: example rows that a person keeps beside a model, as JSON, CSV, npy or npz."""

import csv
import json
from pathlib import Path
from typing import Any

from ..errors import InvalidSource

SUFFIXES = (".json", ".csv", ".npy", ".npz")
_CODE = r"0\d+$"  # a postal code or an account, whose zeros a number would lose


def read(path: Path) -> Any:
    """The rows in a file: an ndarray, some by name, a DataFrame, or the list that is in the JSON.

    JSON is a list of rows, or what a request is, `{"instances": [...]}`. A CSV whose first line is
    not all numbers has a header; a column in which something like 0150 stands is one of texts.

    Raises:
        InvalidSource: when it cannot be read as what its suffix says.
    """
    readers = {".json": _read_json, ".csv": _read_csv, ".npy": _read_npy, ".npz": _read_npz}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InvalidSource(
            f"The sample `{path}` is none of {', '.join(SUFFIXES)}.",
            hint="Write the rows as JSON: a list of lists, or of objects.",
        )
    try:
        rows = reader(path)
    except FileNotFoundError as error:
        raise InvalidSource(f"There is no sample `{path}`.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidSource(f"The sample `{path}` cannot be read: {error}.") from error
    if not len(rows):
        raise InvalidSource(f"The sample `{path}` has no rows.")
    return rows


def _read_json(path: Path) -> list[Any]:
    data = json.loads(path.read_bytes())
    rows = data.get("instances") if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise ValueError('it is neither a list of rows nor {"instances": [...]}')  # noqa: TRY004
    return rows


def _read_npy(path: Path) -> Any:
    import numpy as np

    rows = np.load(path, allow_pickle=False)
    if rows.ndim == 0:
        raise ValueError("it holds one value, not rows")
    return rows


def _read_npz(path: Path) -> dict[str, Any]:
    """An array for each input of a model that takes several."""
    import numpy as np

    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def _read_csv(path: Path) -> Any:
    import numpy as np

    with path.open(newline="", encoding="utf-8-sig") as file:
        first = next(csv.reader(file), [])
    if first and all(map(_is_number, first)):
        return np.loadtxt(path, delimiter=",", ndmin=2, encoding="utf-8-sig")
    try:
        import pandas as pd
    except ImportError as error:
        raise InvalidSource(
            f"The sample `{path}` has named columns; `pandas`, which reads them, is not installed.",
            hint="Install it with `pip install pandas`.",
        ) from error
    text = pd.read_csv(path, dtype=str)
    codes = [name for name in text.columns if text[name].str.match(_CODE).any()]
    return pd.read_csv(path, dtype=dict.fromkeys(codes, str))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
