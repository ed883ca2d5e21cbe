"""Frame: makes the DataFrame that a model takes from named columns, in the model's process."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from ...errors import MissingFramework
from ...manifests.signature import Field
from . import categories


def of(fields: tuple[Field, ...], columns: Mapping[str, np.ndarray]) -> Any:
    """The DataFrame of `columns`, with the dtypes that `fields` ask for.

    Raises:
        MissingFramework: when there is no pandas.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingFramework("pandas", "pandas") from error
    frame = pd.DataFrame(dict(columns), copy=False)
    for field in fields:
        if field.dtype == "object" or _may_lack_booleans(field):
            frame[field.name] = frame[field.name].infer_objects()  # the values say what they are
        elif field.dtype.startswith(("category", "str")) or "," in field.dtype:
            frame[field.name] = _column(frame[field.name], field)
    return frame


def _may_lack_booleans(field: Field) -> bool:
    return field.dtype == "bool" and field.is_nullable


def _column(values: Any, field: Field) -> Any:
    """A column as the libraries know it from a file that pandas read."""
    dtype = field.dtype
    if field.categories:
        return categories.column(field, values)
    if "," in dtype:
        return values.dt.tz_localize("UTC").astype(dtype)
    if dtype.startswith("category"):  # of the request's own values; the model maps them to its own
        return _categorical(values, dtype)
    if values.dtype == object and _has_texts():
        # Alone, null would stay None; among texts it is NaN, and a model tells them apart.
        return values.astype("str")
    return values


def _categorical(values: Any, dtype: str) -> Any:
    """A column of categories; where all values are missing nothing else says of what kind."""
    if not values.isna().all():
        return values.astype("category")
    import pandas as pd

    of = dtype.partition("[")[2].rstrip("]") or ("str" if _has_texts() else "object")
    none = pd.CategoricalDtype(pd.Index([], dtype=of))
    return values.astype(none)


@cache
def _has_texts() -> bool:
    """Whether pandas, since its version 3, has a dtype for texts."""
    import pandas as pd

    return bool(pd.Series(["text"]).dtype != object)


def concat(frames: Sequence[Any]) -> Any:
    """Concatenate DataFrames or Series of one `key`."""
    import pandas as pd

    joined = pd.concat(frames, ignore_index=True)
    if joined.ndim == 1:
        return joined
    for name, dtype in frames[0].dtypes.items():
        if dtype == "category" and joined[name].dtype != "category":
            # pandas drops it when values differ, and makes floats of numbers beside a gap.
            values = np.concatenate([frame[name].astype(object).to_numpy() for frame in frames])
            joined[name] = pd.Series(values, joined.index, object).astype("category")
    return joined


def kind(field: Field, values: np.ndarray) -> str:
    """The kind of column that pandas will make; columns of two kinds are never concatenated.

    Where nobody said what the values are, they say it themselves: whole numbers beside others
    would become floats, and so would be answered otherwise than alone.
    """
    if field.categories:  # others become categories of the table, too: of all its rows
        return f"{field.dtype} and {sorted(map(repr, categories.unknown(field, values)))}"
    if not values.dtype.hasobject:
        return values.dtype.str
    if field.dtype != "object" and not _may_lack_booleans(field):
        return field.dtype
    types = frozenset(map(type, values))
    if types <= _NUMBERS and types != {_NONE}:
        return _kind_of_numbers(types, values)
    if types <= _TEXTS and types != {_NONE}:
        return "str"
    return " ".join(sorted(each.__name__ for each in types))


_NONE = type(None)
_NUMBERS = frozenset({int, float, _NONE})
_TEXTS = frozenset({str, _NONE})
_INT64 = 2**63 - 1


def _kind_of_numbers(types: frozenset[type], values: np.ndarray) -> str:
    integers = [value for value in values if type(value) is int]
    plain = "int64" if types == {int} else "float64"
    if not integers or max(integers) <= _INT64:
        return plain
    # Beyond 64 bits with a sign, pandas looks at what else is there.
    return f"{plain} as uint64" if min(integers) >= 0 else f"{plain} beyond 64 bits"
