"""A record: one line of JSON behind a checksum, so that corruption is noticed."""

import hashlib
from pathlib import Path
from typing import Any

import orjson

from ....runtime import canonical
from . import disk

_CHECK = 16  # hex digits of the line's sha256


def encode(data: dict[str, Any]) -> bytes:
    """The line for `data`: checksum, space, canonical JSON."""
    body = canonical.dumps(data)
    return _check(body) + b" " + body


def decode(line: bytes) -> dict[str, Any]:
    """Read what `encode` wrote; raises ValueError if a single bit differs."""
    check, body = line[:_CHECK], line[_CHECK + 1 :]
    if line[_CHECK : _CHECK + 1] != b" " or _check(body) != check:
        message = "its checksum does not fit" if line else "it is empty"
        raise ValueError(message)
    data = orjson.loads(body)
    if not isinstance(data, dict):
        message = "it is not a JSON object"
        raise ValueError(message)  # noqa: TRY004 - one way to be damaged
    return data


def load(path: Path | str) -> dict[str, Any]:
    """Read the record at `path`; raises OSError and ValueError."""
    return decode(disk.read(path))


def _check(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:_CHECK].encode()
