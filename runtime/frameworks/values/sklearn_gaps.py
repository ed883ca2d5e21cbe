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
    """What the parts of `model` that saw columns by their names take for missing.

    What an encoder has among its categories was in the table; an imputer only looks for it.
    """
    known: dict[str, set[float | None]] = {}
    sought: dict[str, set[float | None]] = {}
    for part in _parts(model):
        names = list(map(str, getattr(part, "feature_names_in_", ())))
        for name, gaps in zip(names, _in_categories(_encoder(part, len(names))), strict=False):
            known.setdefault(name, set()).update(gaps)
        for name in names:
            sought.setdefault(name, set()).update(_sought(part))
    found = {name: known.get(name) or gaps for name, gaps in sought.items()}
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


def _encoder(part: Any, count: int) -> Any:
    """Of a pipeline the step behind its imputers that gets their columns; else the part itself."""
    steps = [step for _, step in getattr(part, "steps", ())] or [part]
    last = next((step for step in steps if not hasattr(step, "missing_values")), None)
    return last if len(getattr(last, "categories_", ())) == count else None


def _in_categories(encoder: Any) -> Iterator[set[float | None]]:
    """Of each column of an encoder; NaN is always the same object."""
    for categories in getattr(encoder, "categories_", ()):
        lacking = [each for each in categories if each is None or each != each]  # noqa: PLR0124
        yield {None if each is None else np.nan for each in lacking}


def _sought(part: Any) -> set[float | None]:
    """What an imputer looks for, if that is None or NaN."""
    gap = getattr(part, "missing_values", ...)
    if gap is None:
        return {None}
    return {np.nan} if isinstance(gap, float) and np.isnan(gap) else set()


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
