"""LightGBM columns: which of them have categories, and the numbers of those that may be missing."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import InvalidInput

_BOOLEANS = frozenset({"boolean", "empty"})
_SHOWN = 64  # characters of a value that an error repeats


def categorical(booster: Any) -> Mapping[str, str]:
    """The dtypes of the columns of categories by name; none where it cannot be told which they are.

    The booster keeps categories in the order of their columns, and what it saw in each column:
    `[0:1]` of numbers, `0:1:2` of categories, `none` of what has one value only.
    """
    known = booster.pandas_categorical or []
    seen = _seen(booster) if known else []
    sure = [place for place, each in enumerate(seen) if not each.startswith(("[", "none"))]
    likely = [place for place, each in enumerate(seen) if not each.startswith("[")]
    places = next((each for each in (sure, likely) if len(each) == len(known)), [])
    names = booster.feature_name()
    return {names[place]: _dtype(each) for place, each in zip(places, known, strict=False)}


def completed(data: Any, booster: Any) -> Any:
    """A table whose columns are numbers or categories; anything else as it is.

    Raises:
        InvalidInput: for a text in a column of numbers.
    """
    if not hasattr(data, "columns"):
        return data
    vague = [name for name in data.columns if str(data[name].dtype) in {"object", "str", "string"}]
    return data.assign(**{name: _column(name, data[name], booster) for name in vague})


def _column(name: str, values: Any, booster: Any) -> Any:
    import pandas as pd

    if pd.api.types.infer_dtype(values) in _BOOLEANS:
        return values.astype("boolean").to_numpy("float64", na_value=np.nan)
    if booster.pandas_categorical:
        return values.astype("category")
    wrong = next(each for each in values if not isinstance(each, (bool, int, float)))
    shown = str(wrong)[:_SHOWN]
    raise InvalidInput(f"instances.{name}: expected a number, got `{shown}`.")


def _seen(booster: Any) -> list[str]:
    lines = booster.model_to_string(num_iteration=1).splitlines()
    found = (line.partition("=") for line in lines if line.startswith("feature_infos="))
    return next((text.split(" ") for _, _, text in found), [])


def _dtype(categories: list[Any]) -> str:
    kinds = {type(each) for each in categories}
    of = {bool: "bool", int: "int64", float: "float64"}.get(*kinds) if len(kinds) == 1 else None
    return f"category[{of}]" if of else "category"
