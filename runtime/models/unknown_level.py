"""UnknownLevel: recognizes from a model's error that a request has an unknown category.

Libraries and code of the author's look values up among those of the training, and raise what they
would raise for a mistake. Where they name a value that stands in the request, it is the client's.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

_VALUE = r"""(?:np\.\w+\()?(?P<value>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|-?[\w.]+)"""
_MESSAGES = (
    re.compile(rf"observation with value {_VALUE} does not match any of the expected levels"),
    re.compile(rf"Found unknown categories \[{_VALUE}"),
    re.compile(rf"previously unseen labels: \[{_VALUE}"),
)
_LONGEST = 1 << 12  # characters of an error that are looked at
_DEEPEST = 8  # errors of errors
_SHOWN = 64  # characters of a value that an error repeats


def refusal(error: BaseException, batch: Any) -> str | None:
    """A sentence on the value of `batch` for which the model raised `error`, or None."""
    for value in _named(error):
        place = next(_places(batch, value), None)
        if place is not None:
            shown = f'"{value[:_SHOWN]}"' if isinstance(value, str) else str(value)[:_SHOWN]
            return f"{place}: {shown} is not a value that the model knows."
    return None


def _named(error: BaseException) -> Iterator[Any]:
    """The values that an error or its cause names as unknown."""
    each: BaseException | None = error
    for _ in range(_DEEPEST):
        if each is None:
            return
        if type(each) is KeyError and len(each.args) == 1 and type(each.args[0]) is str:
            yield each.args[0]  # a table of the author's
        message = str(each)[:_LONGEST]
        for match in filter(None, (form.search(message) for form in _MESSAGES)):
            yield _read(match["value"])
        each = each.__cause__ or each.__context__


def _read(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _places(batch: Any, value: Any) -> Iterator[str]:
    """The places of a value in a request."""
    if hasattr(batch, "columns"):
        batch = {str(name): batch[name].to_numpy(object) for name in batch.columns}
    if isinstance(batch, Mapping):
        for name, column in batch.items():
            for place in _rows(np.asarray(column), value):
                yield f"instances[{place}].{name}"
    elif isinstance(batch, np.ndarray):
        yield from (f"instances[{place}]" for place in _rows(batch, value))
    elif isinstance(batch, list):
        for row, item in enumerate(batch):
            yield from _within(item, value, f"instances[{row}]")


def _rows(column: np.ndarray, value: Any) -> Iterator[int]:
    if column.ndim == 1:
        yield from (row for row, each in enumerate(column.tolist()) if _is(each, value))
    elif column.ndim:
        table = column.reshape(len(column), -1).tolist()
        yield from (row for row, each in enumerate(table) if any(_is(e, value) for e in each))


def _within(item: Any, value: Any, place: str) -> Iterator[str]:
    """The values one level deeper in free JSON: its fields, or itself."""
    if isinstance(item, Mapping):
        yield from (f"{place}.{name}" for name, each in item.items() if _is(each, value))
    elif isinstance(item, Sequence) and not isinstance(item, str | bytes):
        yield from (f"{place}[{i}]" for i, each in enumerate(item) if _is(each, value))
    elif _is(item, value):
        yield place


def _is(each: Any, value: Any) -> bool:
    return isinstance(each, str | int | float) and type(each) is type(value) and each == value
