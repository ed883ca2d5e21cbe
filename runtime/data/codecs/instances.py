"""Instances: the native JSON envelope, `instances` in and `predictions` out."""

import json
import re
from typing import Any

import orjson

from ...errors import BadPayload, InvalidInput
from ...nearest import nearest
from ..depth import too_deep
from ..json_text import exact, written

__all__ = ["dumps", "exact", "loads", "parse", "written"]

_SHOWN = 64  # characters of a key that an error repeats
_KEY = re.compile(rb'"[ \t\r\n]*:')
_NO_NUMBER = re.compile(r".?-?(NaN|nan|Infinity|inf)\b", re.DOTALL)
_CONTAINERS = frozenset({list, dict})


def loads(body: bytes) -> list[Any]:
    """The instances in a JSON body.

    Raises:
        BadPayload: when the body is not JSON, with the place; NaN and Infinity are not JSON.
        InvalidInput: when it is JSON of another form.
    """
    value = parse(body)
    if type(value) is not dict:
        raise InvalidInput(f'Expected {{"instances": [...]}}, got {_name(value)}.')
    if len(value) != 1 or "instances" not in value:
        raise _wrong_keys(value)
    instances = value["instances"]
    if type(instances) is not list:
        raise InvalidInput(f"instances: expected a list of rows, got {_name(instances)}.")
    return instances


def parse(body: bytes) -> Any:
    """Any JSON value whose objects have each key once.

    Raises:
        BadPayload: when the body is not JSON, with the place.
        InvalidInput: when a key stands twice.
    """
    value = _parse(body)
    # Parsers keep the last of duplicate keys; what another server would read must not be guessed.
    colons = body.count(b":")
    if colons > 1:
        keys = _count_keys(value)
        if keys != colons and keys != len(_KEY.findall(body)):  # not even without what strings hold
            _refuse_duplicates(body)
    return value


def _parse(body: bytes) -> Any:
    try:
        return exact(body)
    except orjson.JSONDecodeError as error:
        if not body.strip():
            raise BadPayload("The body is empty; JSON was expected.") from None
        raise BadPayload(
            f"The body is not valid JSON: {_reason(error)} at line {error.lineno}, "
            f"column {error.colno}.{_way_out(error)}"
        ) from None


def dumps(predictions: Any) -> bytes:
    """The answer's body; a contiguous numeric ndarray is written without becoming a list."""
    return written({"predictions": predictions})


def _reason(error: orjson.JSONDecodeError) -> str:
    return str(error.msg).split(": line ", 1)[0]


def _way_out(error: orjson.JSONDecodeError) -> str:
    """What several libraries write for a number that is none; orjson stops behind its sign."""
    if _NO_NUMBER.match(error.doc, max(error.pos - 1, 0)) is None:
        return ""
    return " NaN and Infinity are not JSON: a missing value is null."


def _name(value: Any) -> str:
    names = {dict: "an object", list: "a bare list", str: "a string", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a number")


def _wrong_keys(value: dict[str, Any]) -> InvalidInput:
    # Cut, for to look for what is like a long one would take long.
    for key in (key[:_SHOWN] for key in value if key != "instances"):
        is_near = nearest(key, ["instances"])
        hint = "did you mean `instances`?" if is_near else 'expected {"instances": [...]}.'
        return InvalidInput(f"Unknown key `{key}`; {hint}")
    return InvalidInput('`instances` is missing; expected {"instances": [...]}.')


def _count_keys(value: Any) -> int:
    count, level = 0, [value]
    while level:
        inner: list[Any] = []
        for node in level:
            items = node.values() if type(node) is dict else node
            count += len(node) if type(node) is dict else 0
            if not _CONTAINERS.isdisjoint(map(type, items)):
                inner.extend(item for item in items if type(item) in _CONTAINERS)
        level = inner
    return count


def _refuse_duplicates(body: bytes) -> None:
    try:
        json.loads(body, object_pairs_hook=_once, parse_int=len, parse_float=len)
    except RecursionError:
        raise too_deep("The body is") from None


def _once(pairs: list[tuple[str, Any]]) -> None:
    keys = set()
    for key, _ in pairs:
        if key in keys:
            raise InvalidInput(f"The key `{key[:_SHOWN]}` appears more than once in an object.")
        keys.add(key)
