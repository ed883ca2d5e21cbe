"""Setting types: what stands in a bundle.json is of the type that its setting has."""

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ..errors import InvalidBundle

_NUMBERS = (int, float)


def check(where: str, kind: type[Any], data: Any) -> None:
    """Hold the settings `data` against the dataclass `kind`; groups of settings are left out.

    Raises:
        InvalidBundle: naming the first that has another type, or a value that there is not.
    """
    if not isinstance(data, Mapping):
        raise InvalidBundle(f"`{where}` is no group of settings.")
    hints = _hints(kind)
    for name, value in data.items():
        if name in hints and not _fits(value, hints[name]):
            raise InvalidBundle(f"`{where}.{name}` cannot be `{str(value)[:80]!r}`.")


def _hints(kind: type[Any]) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _fits(value: Any, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is Literal:
        return any(value == one and type(value) is type(one) for one in get_args(hint))
    if origin in {Union, UnionType}:
        return any(_fits(value, one) for one in get_args(hint))
    if origin is tuple:
        return isinstance(value, (list, tuple)) and all(_fits(v, get_args(hint)[0]) for v in value)
    if hint is float:
        return type(value) in _NUMBERS
    if hint in {bool, int, str, NoneType}:
        return type(value) is hint
    return True
