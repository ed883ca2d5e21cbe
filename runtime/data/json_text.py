"""JSON text: JSON with whole numbers of any length, which orjson neither reads nor writes."""

import gc
import json
from typing import Any

import orjson

from .depth import too_deep

_DIGITS = bytes(
    0x39 if each in b"0123456789" else each if each in b".-" else 0x20 for each in range(256)
)
_MANY = b"9" * 19  # digits of the shortest whole number that 64 bits may not hold
_LARGE = 1 << 16  # bytes of JSON that take longer than to pause the garbage collector
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
    value = orjson.loads(body) if len(body) < _LARGE else _loads(body)
    if not _is_wide(body.translate(_DIGITS)):
        return value
    try:
        return json.loads(body)
    except RecursionError:
        raise too_deep("The body is") from None


def _loads(body: bytes) -> Any:
    """Parse a large body without the garbage collector in between.

    Before Python 3.12 it would walk what has been read so far again and again, which takes most of
    the time of many small objects; and no other thread runs until the body has been read.
    """
    if not gc.isenabled():
        return orjson.loads(body)
    gc.disable()
    try:
        return orjson.loads(body)
    finally:
        gc.enable()


def _is_wide(digits: bytes) -> bool:
    """Whether there may be a whole number beyond 64 bits; each digit is a 9 here.

    A fraction may have as many digits. This takes many short calls instead of a regular expression,
    which would keep all other threads waiting.
    """
    many = len(_MANY)
    at = digits.find(_MANY)
    while at >= 0:
        before = digits[at - 1 : at]
        if before == b"-" or (
            before not in (b".", b"9") and digits[at + many : at + many + 1] == b"9"
        ):
            return True
        at = digits.find(_MANY, at + many)
    return False


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
