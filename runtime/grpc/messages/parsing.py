"""Parsing: from bytes to a message."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError

from ...errors import BadPayload

Parse = Callable[[bytes], Any]


def parsed(parse: Parse, data: bytes) -> Any:
    """The message in `data`; raises BadPayload when there is none."""
    try:
        return parse(data)
    except DecodeError:
        raise BadPayload("The message is not what this call takes.") from None
