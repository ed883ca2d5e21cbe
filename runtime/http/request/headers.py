"""Headers of predictions, parsed in the same way by the fast path and ASGI."""

import math
import re
from collections.abc import Mapping, Sequence

from ...errors import BadPayload

_FORM = b"application/x-www-form-urlencoded"
CODING = b"content-encoding"
_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


def valid_id(header: bytes) -> bytes | None:
    """X-Request-Id, if it is well-formed."""
    return header if _ID.fullmatch(header) else None


def content_type(header: bytes) -> str:
    """Content-Type; "" for the default of `curl -d`, which is not meant as a form."""
    return "" if header.startswith(_FORM) else header.decode("latin-1")


def content_coding(
    by_name: Mapping[bytes, bytes], headers: Sequence[tuple[bytes, bytes]]
) -> bytes | None:
    """Content-Encoding, from headers and from the same as a mapping; several lines are one list."""
    last = by_name.get(CODING)
    if last is None:
        return None
    return b",".join(value for name, value in headers if name == CODING)


def is_plain(coding: bytes | None) -> bool:
    """Whether a body is uncompressed, according to its Content-Encoding."""
    return coding is None or coding.strip().lower() == b"identity"


def seconds_allowed(header: bytes | None, most: float) -> float:
    """The time limit of a request in seconds: `most`, or less with X-Request-Timeout.

    Raises:
        BadPayload: when it is not a number above 0.
    """
    if header is None:
        return most
    try:
        wanted = float(header)
    except ValueError:
        wanted = math.nan
    if not wanted > 0:
        raise BadPayload("X-Request-Timeout is a number of seconds above 0.")
    return min(most, wanted)
