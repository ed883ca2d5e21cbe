"""Gaps: the value (None or NaN) that stands for a missing text, as a transformer learned it.

pandas has None and NaN for it, by its version and by where a table comes from, and scikit-learn
tells them apart: the other one is a category that an encoder does not know, which most pass over in
silence, and nothing that an imputer fills.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

Gaps = Mapping[str, float | None]
"""What is missing in a column, for those of which the model knows."""


def learned(model: Any) -> Gaps:
    """What the parts of `model` that saw columns by their names take for missing."""
    found: dict[str, set[float | None]] = {}
    for part in _parts(model):
        names = getattr(part, "feature_names_in_", None)
        if names is None:
            continue
        for name, gap in zip(names, _gaps(part, len(names)), strict=False):
            found.setdefault(str(name), set()).update(gap)
    return {name: next(iter(gaps)) for name, gaps in found.items() if len(gaps) == 1}


def filled(rows: Any, gaps: Gaps) -> Any:
    """A table whose missing texts are what the model takes for missing."""
    changed = {}
    for name in rows.columns:
        if str(name) in gaps and rows[name].dtype in (object, "str"):
            values, gap = rows[name], gaps[str(name)]
            lacking = values.isna()
            if lacking.any() and _is_of_texts(values):
                changed[name] = values.astype(object).where(~lacking, gap)
    return rows.assign(**changed) if changed else rows


def _gaps(part: Any, count: int) -> Iterator[set[float | None]]:
    """Of each column of an encoder or an imputer; NaN is always the same object."""
    for categories in getattr(part, "categories_", ()):
        lacking = [each for each in categories if each is None or each != each]  # noqa: PLR0124
        yield {None if each is None else np.nan for each in lacking}
    if hasattr(part, "missing_values"):
        gap = part.missing_values
        is_nan = isinstance(gap, float) and np.isnan(gap)
        known: set[float | None] = {None if gap is None else np.nan}
        yield from [known if is_nan or gap is None else set()] * count


def _is_of_texts(values: Any) -> bool:
    return all(isinstance(each, str | float | None) for each in values)


def _parts(model: Any) -> Iterator[Any]:
    """A model and what is in it: the steps, the fitted transformers, the best of a search."""
    waiting, seen = [model], set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            waiting += part.values()
        elif isinstance(part, list | tuple):
            waiting += part
        elif isinstance(part, type):  # an estimator may keep which class it chose
            continue
        elif hasattr(part, "get_params") and hasattr(part, "__dict__"):
            yield part
            waiting += vars(part).values()
