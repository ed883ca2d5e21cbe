"""XGBoost columns: tables as it takes them, whatever their categories and booleans lack.

It reads what kind a column is from the values that come, so they must say it: a category that is
missing in each row stands beside one that was learned. And what it never learned it does not
always notice: what is smaller than all that it knows becomes the first of them.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import orjson

from ..errors import InvalidInput

Learned = Mapping[str, tuple[Any, ...]]
"""The categories of each column that has some."""

_BOOLEANS = frozenset({"boolean", "empty"})
_SHOWN = 64  # characters of a category that an error repeats


def completed(data: Any, learned: Callable[[], Learned]) -> Any:
    """A table whose columns tell of what kind they are; anything else as it is.

    `learned` is asked only where there are categories.

    Raises:
        InvalidInput: for a category that the model does not know.
    """
    if not hasattr(data, "columns"):
        return data
    made = {name: _column(str(name), data[name], learned) for name in data.columns}
    changed = {name: column for name, column in made.items() if column is not None}
    return data.assign(**changed) if changed else data


def _column(name: str, values: Any, learned: Callable[[], Learned]) -> Any:
    """The column as it should be, or None where it is."""
    import pandas as pd

    if values.dtype == "category":
        known = learned().get(name)
        given = values.cat.categories
        if known is None:
            return None
        for each in given:
            if each not in known:
                shown = str(each)[:_SHOWN]
                raise InvalidInput(
                    f"instances.{name}: `{shown}` is no category that the model knows."
                )
        return None if len(given) else values.astype(pd.CategoricalDtype(pd.Index([known[0]])))
    if values.dtype == object and pd.api.types.infer_dtype(values) in _BOOLEANS:
        return values.astype("boolean")
    return None


def learned(booster: Any) -> Learned:
    """As the booster itself tells of them, which since 3.1 it does; nothing else has them."""
    told = orjson.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]
    encoded = told.get("gbtree", told).get("model", {}).get("cats", {}).get("enc", [])
    columns = zip(booster.feature_names or (), encoded, strict=False)
    return {name: _values(each) for name, each in columns if each.get("values")}


def _values(encoded: Mapping[str, Any]) -> tuple[Any, ...]:
    """Texts are bytes one after the other, and where each begins; numbers are themselves."""
    offsets, values = encoded.get("offsets"), encoded["values"]
    if offsets is None:
        return tuple(values)
    text = bytes(each & 0xFF for each in values)
    return tuple(text[start:stop].decode(errors="replace") for start, stop in pairwise(offsets))
