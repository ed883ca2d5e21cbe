"""XGBoost columns: completes tables whose categories or booleans are ambiguous.

It reads what kind a column is from the values that come, so they must say it: a category that is
missing in each row stands beside one that was learned. And what it never learned it does not
always notice: what is smaller than all that it knows becomes the first of them.
"""

from collections.abc import Callable
from typing import Any

from ...errors import InvalidInput, InvalidModel
from .xgboost_categories import CutTexts, Learned

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
        return _categories(name, values, learned().get(name))
    if values.dtype == object and pd.api.types.infer_dtype(values) in _BOOLEANS:
        return values.astype("boolean")
    return None


def _categories(name: str, values: Any, known: tuple[Any, ...] | CutTexts | None) -> Any:
    """A column of categories, in the order of training where XGBoost compares them as they lie."""
    import pandas as pd

    categories = values.cat.categories
    if known is None:
        return None
    if isinstance(known, CutTexts):
        raise InvalidModel(
            f"XGBoost cut the categories of `{name}`, which are not all ASCII, and lost some.",
            hint="Save it with a sample whose column has all categories of training, in their "
            "order: `training.head()` has them.",
        )
    for each in categories:
        if each not in known:
            shown = str(each)[:_SHOWN]
            raise InvalidInput(
                f"instances.{name}: `{shown}` is not a category that the model knows."
            )
    is_text = isinstance(known[0], str)
    if is_text and not "".join(known).isascii():
        return values.cat.set_categories(list(known))
    return None if len(categories) else values.astype(pd.CategoricalDtype(pd.Index([known[0]])))
