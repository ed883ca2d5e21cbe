"""Strict JSON: untrusted JSON without duplicate keys, within limits of memory."""

import json
from typing import Any, NoReturn

from . import shallow_json

_MOST = 1_000_000  # objects and lists in one document


def loads(data: bytes) -> Any:
    """Read a document in which no key stands twice; raises ValueError saying what is wrong."""
    if data.count(b"{") + data.count(b"[") > _MOST:
        raise ValueError("it has too many objects")
    try:
        text = data.decode()
        shallow_json.check_depth(text)
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg} at byte {error.pos}") from error
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key appears twice in it")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
