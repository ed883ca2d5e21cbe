"""Instances: the native JSON envelope, `instances` in and `predictions` out."""

import difflib
import json
from typing import Any

import orjson

from ..errors import BadPayload, InvalidInput

MAX_DEPTH = 64  # levels of nesting that a value may have
_KEY = b'"instances"'


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
    # Parsers keep the last of duplicate keys; what another server would read must not be guessed.
    if body.count(_KEY) > 1:
        _refuse_duplicates(body)
    instances = value["instances"]
    if type(instances) is not list:
        raise InvalidInput(f"instances: expected a list of rows, got {_name(instances)}.")
    return instances


def parse(body: bytes) -> Any:
    """Any JSON value.

    Raises:
        BadPayload: when the body is not JSON, with the place.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not body.strip():
            raise BadPayload("The body is empty; JSON was expected.") from None
        raise BadPayload(
            f"The body is not valid JSON: {_reason(error)} at line {error.lineno}, "
            f"column {error.colno}."
        ) from None


def check_depth(value: Any, path: str = "instances") -> None:
    """Refuse what is nested so deeply that walking it could exhaust the stack.

    Raises:
        InvalidInput: beyond `MAX_DEPTH` levels.
    """
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for node in level
            if type(node) in {list, dict}
            for child in (node if type(node) is list else node.values())
        ]
        if not level:
            return
    raise InvalidInput(f"{path}: nested more than {MAX_DEPTH} levels deep.")


def dumps(predictions: Any) -> bytes:
    """The answer's body; a contiguous numeric ndarray is written without becoming a list."""
    return orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)


def _reason(error: orjson.JSONDecodeError) -> str:
    return str(error.msg).split(": line ", 1)[0]


def _name(value: Any) -> str:
    names = {dict: "an object", list: "a bare list", str: "a string", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a number")


def _wrong_keys(value: dict[str, Any]) -> InvalidInput:
    for key in value:
        if key == "instances":
            continue
        near = difflib.get_close_matches(key, ["instances"], 1)
        hint = "did you mean `instances`?" if near else 'expected {"instances": [...]}.'
        return InvalidInput(f"Unknown key `{key[:64]}`; {hint}")
    return InvalidInput('`instances` is missing; expected {"instances": [...]}.')


def _refuse_duplicates(body: bytes) -> None:
    def top(pairs: list[tuple[str, Any]]) -> int:
        return sum(key == "instances" for key, _ in pairs)

    try:
        count = json.loads(body, object_pairs_hook=top)
    except RecursionError:
        raise InvalidInput(f"The body is nested more than {MAX_DEPTH} levels deep.") from None
    if count > 1:
        raise BadPayload("The key `instances` stands more than once.")
