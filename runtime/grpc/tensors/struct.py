"""Struct: JSON in messages (`google.protobuf.Value`), decoded and encoded.

All its numbers are doubles, so a whole one may have been an integer, and is read as one: an integer
is taken for a float wherever one is expected, and not the other way round.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

_EXACT = 2.0**53  # larger integers are not exact as doubles


def read(value: Any) -> Any:
    """The JSON value in a `Value`."""
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        return _number(value.number_value)
    if kind in {"string_value", "bool_value"}:
        return getattr(value, kind)
    if kind == "struct_value":
        return {name: read(each) for name, each in value.struct_value.fields.items()}
    return read_list(value.list_value) if kind == "list_value" else None


def read_list(message: Any) -> list[Any]:
    """The values in a `ListValue`."""
    return [read(each) for each in message.values]


def write(message: Any, value: Any) -> None:
    """Put what JSON may be into a `Value`."""
    if isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, int | float):
        _write_number(message, value)
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, Mapping):
        message.struct_value.SetInParent()
        for name, each in value.items():
            write(message.struct_value.fields[name], each)
    elif value is None:
        message.null_value = 0
    else:
        message.list_value.SetInParent()
        write_list(message.list_value, value)


def _write_number(message: Any, value: float) -> None:
    """As a double; an integer beyond all doubles as text."""
    try:
        message.number_value = value
    except (OverflowError, TypeError, ValueError):
        message.string_value = str(value)


def write_list(message: Any, values: Sequence[Any]) -> None:
    """Put values into a `ListValue`."""
    add = message.values.add
    for each in values:
        write(add(), each)


def _number(value: float) -> int | float:
    is_whole = math.isfinite(value) and value.is_integer() and abs(value) < _EXACT
    return int(value) if is_whole else value
