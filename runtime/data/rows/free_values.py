"""FreeValues: values for a model whose signature says nothing about them.

Processes hand them on as JSON, whose whole numbers have up to 64 bits there: one of more would
arrive as another number, so it is refused.
"""

from typing import Any

import orjson

from ...errors import InvalidInput
from .predictions import LEAST, MOST

_SHOWN = 24  # digits of a number that an error repeats


def check(values: list[Any], path: str = "") -> None:
    """Refuse whole numbers of more than 64 bits; `path` is where in a row the values stand.

    Raises:
        InvalidInput: for the first of them, with its place.
    """
    if not is_narrow(values):
        for row, value in enumerate(values):
            _check(value, f"instances[{row}]{path}")


def check_one(value: Any, place: str) -> None:
    """As `check`, for one value that stands somewhere else.

    Raises:
        InvalidInput: for the first such number in it.
    """
    if not is_narrow(value):
        _check(value, place)


def is_narrow(value: Any) -> bool:
    """Whether no whole number in it has more; a look at each would take many times as long."""
    try:
        orjson.dumps(value, default=_nothing, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return False
    return True


def _nothing(_: Any) -> None:
    """For something that is not JSON, and no number either."""


def _check(value: Any, place: str) -> None:
    if type(value) is dict:
        for name, item in value.items():
            _check(item, f"{place}.{str(name)[:_SHOWN]}")
    elif type(value) is list:
        for index, item in enumerate(value):
            _check(item, f"{place}[{index}]")
    elif type(value) is int and not LEAST <= value <= MOST:
        digits = str(value)
        shown = digits if len(digits) <= _SHOWN else f"{digits[:_SHOWN]}..."
        raise InvalidInput(f"{place}: expected a whole number of up to 64 bits, got {shown}.")
