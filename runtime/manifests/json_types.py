"""JSON types: checks values from JSON against declared types."""

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

_NUMBERS = (int, float)


def check(data: Mapping[str, Any], hints: Mapping[str, Any], where: str = "") -> None:
    """Hold values against the types in `hints`; keys without one are left to newer versions.

    Raises:
        ValueError: naming the first that has another; AttributeError where `data` is no object.
    """
    key = wrong(data, hints)
    if key is not None:
        raise ValueError(f"`{where}{'.' * bool(where)}{key}` has another type")


def wrong(data: Mapping[str, Any], hints: Mapping[str, Any]) -> str | None:
    """The first key whose value has another type than `hints` says; keys without one are free."""
    return next((k for k, value in data.items() if k in hints and not fits(value, hints[k])), None)


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a type; what is neither plain nor made of plain types is not judged."""
    origin = get_origin(hint)
    if origin is Literal:
        return any(value == one and type(value) is type(one) for one in get_args(hint))
    if origin in {Union, UnionType}:
        return any(fits(value, one) for one in get_args(hint))
    if origin in {tuple, Mapping}:
        return _fit_all(value, hint)
    if hint is float:
        return type(value) in _NUMBERS
    if hint in {bool, int, str, NoneType}:
        return type(value) is hint
    return True


def _fit_all(value: Any, hint: Any) -> bool:
    """The same of the values of a list or an object."""
    if get_origin(hint) is tuple:
        return isinstance(value, (list, tuple)) and all(fits(v, get_args(hint)[0]) for v in value)
    return isinstance(value, Mapping) and all(fits(v, get_args(hint)[1]) for v in value.values())
