"""JSON text: JSON with whole numbers of any length, which orjson neither reads nor writes."""

import json
import re
from typing import Any

import orjson

from .depth import too_deep

_DIGITS = bytes(0x39 if each in b"0123456789" else 0x20 for each in range(256))
_MANY = b"9" * 19  # digits of the shortest whole number that 64 bits may not hold
_WIDE = re.compile(rb"-[0-9]{19}|(?<![0-9.])[0-9]{20}")
_AS_ORJSON: dict[str, Any] = {
    "ensure_ascii": False,
    "allow_nan": False,
    "separators": (",", ":"),
}


def exact(body: bytes) -> Any:
    """Any JSON value as orjson reads it, but for whole numbers beyond 64 bits, which it rounds.

    Raises:
        orjson.JSONDecodeError: when it is no JSON, or has a number beyond all floats.
        InvalidInput: when it is nested too deeply.
    """
    value = orjson.loads(body)
    if _MANY not in body.translate(_DIGITS) or _WIDE.search(body) is None:
        return value
    try:
        return json.loads(body)
    except RecursionError:
        raise too_deep("The body is") from None


def written(value: Any) -> bytes:
    """The JSON of a value, with whole numbers of any length; arrays and JSON may stand in it.

    Raises:
        TypeError: for what is no JSON.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError as error:
        try:
            return json.dumps(value, default=_listed, **_AS_ORJSON).encode()
        except ValueError:  # half a surrogate pair, for which orjson has the better words
            raise error from None


def _listed(value: Any) -> Any:
    """An array, a number of NumPy's, or JSON, which orjson knows by itself.

    Raises:
        TypeError: for anything else, which is no JSON.
    """
    if isinstance(value, orjson.Fragment):
        return exact(orjson.dumps(value))
    if not hasattr(value, "tolist"):
        raise TypeError(type(value).__name__)
    return value.tolist()
