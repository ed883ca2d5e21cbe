"""Categories: the categories of a column, in the order of the sample's table.

What makes numbers or columns of them (`.cat.codes`, `get_dummies`, a comparison) would make others
of the values that happen to be in a request.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from ...first_few import first_few
from ...manifests.signature import Field

_SHOWN = 12  # in an error


def unknown(field: Field, values: Iterable[Any]) -> frozenset[Any]:
    """Those of `values` that are not categories of the field; missing values do not count."""
    return frozenset(each for each in values if each is not None and each == each) - frozenset(  # noqa: PLR0124  NaN
        field.categories
    )


def first_unknown(field: Field, values: Sequence[Any]) -> int | None:
    """Where the first of them is."""
    strangers = unknown(field, values)
    return next((at for at, each in enumerate(values) if each in strangers), None)


def listing(field: Field) -> str:
    """The categories for an error."""
    return first_few(field.categories, _SHOWN)


def column(field: Field, values: Any) -> Any:
    """A Series of objects as one of categories: the field's, and behind them what else there is."""
    import pandas as pd

    others = sorted(unknown(field, values.array), key=lambda each: (type(each).__name__, each))
    known = pd.CategoricalDtype([*field.categories, *others], ordered=field.is_ordered)
    return values.astype(known)
