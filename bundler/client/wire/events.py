"""Events: the items of a streaming answer, as its bytes arrive.

Source of server-sent events: html.spec.whatwg.org, section 9.2.
"""

import codecs
import json
from collections.abc import Iterator
from typing import Any

from ....runtime.data import media
from .failures import Refused

_EVENTS, _LINES, _TEXT = "text/event-stream", "application/x-ndjson", "text/plain"
ACCEPT = f"{_EVENTS}, {_LINES};q=0.9, */*;q=0.1"
"""Events first: in lines nobody could tell an error from an item."""

ITEMS = frozenset({_EVENTS, _LINES})
"""Content types of bodies that are made of items."""

_LARGEST = 64 << 20  # bytes of one item


class Events:
    """Makes items of bytes: JSON values, or pieces of bytes and text as they come."""

    def __init__(self, content_type: str) -> None:
        self._kind = media.essence(content_type)
        self._rest = b""
        self._text = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data: bytes) -> Iterator[Any]:
        """The items that are whole with `data`.

        Raises:
            Refused: when the server says that it ends early.
        """
        if self._kind not in ITEMS:
            if item := self._text.decode(data) if self._kind == _TEXT else data:
                yield item
            return
        end = b"\n\n" if self._kind == _EVENTS else b"\n"
        self._rest = (self._rest + data).replace(b"\r\n", b"\n")  # which may come in two pieces
        if len(self._rest) > _LARGEST:
            raise Refused(f"One item of the answer is larger than {_LARGEST} bytes.")
        *whole, self._rest = self._rest.split(end)
        for each in whole:
            if each.strip():
                yield self._event(each) if self._kind == _EVENTS else _parsed(each)

    def close(self) -> Iterator[Any]:
        """What is left at the end; raises Refused when that is half an item."""
        if half := self._text.decode(b"", final=True):
            yield half
        rest, self._rest = self._rest, b""
        if rest.strip() and self._kind == _LINES:
            yield _parsed(rest)
        elif rest.strip():
            raise Refused("The answer ends in the middle of an item.")

    def _event(self, block: bytes) -> Any:
        name, data = b"", []
        for line in block.split(b"\n"):
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"event":
                name = value
            elif field == b"data":
                data.append(value)
        item = _parsed(b"\n".join(data))
        if name == b"error":
            message = item.get("error") if isinstance(item, dict) else item
            raise Refused(f"The answer ended early: {message}")
        return item


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused("The answer has an item that is not JSON.") from error
