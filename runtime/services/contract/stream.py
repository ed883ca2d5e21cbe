"""StreamWriter: encodes the items of a generator.

JSON lines unless the client accepts text/event-stream (each item one event) or, for strings,
text/plain; bytes are sent as they are. An error after the first item ends the stream with
{"error": ...} as its last line, or as an event of that name; text and bytes are cut off.
"""

from typing import Any

import orjson

from ...data import media
from .answer import AnswerWriter, arrayed, first
from .types.spec import Kind

_FRAMED = frozenset({media.LINES, media.EVENTS})


class StreamWriter:
    """Encodes one stream, as `content_type`."""

    def __init__(self, kind: Kind, accept: str, answers: AnswerWriter) -> None:
        self._answers = answers
        self.content_type = media.LINES
        if kind == "bytes":
            self.content_type = media.OCTETS
        elif first(accept, media.EVENTS, media.LINES, media.TEXT):
            self.content_type = media.EVENTS
        elif kind == "str" and first(accept, media.TEXT, media.LINES, media.EVENTS):
            self.content_type = media.TEXT + "; charset=utf-8"

    def part(self, item: Any) -> bytes:
        """One item; raises PredictionFailed if it has no JSON form."""
        if self.content_type == media.OCTETS and isinstance(item, bytes | bytearray | memoryview):
            return bytes(item)
        if self.content_type.startswith(media.TEXT) and isinstance(item, str):
            return item.encode()
        return self._framed(self._answers.json(arrayed(item)))

    @property
    def is_framed(self) -> bool:
        """Whether an error can be distinguished from an item; else the connection is closed."""
        return self.content_type in _FRAMED

    def error(self, detail: str) -> bytes:
        """The last part of a framed stream that ends early."""
        return _error(self.content_type, detail)

    def _framed(self, data: bytes) -> bytes:
        return _framed(self.content_type, data)


def ending(content_type: str, detail: str) -> bytes | None:
    """The last part of a stream that ends early; None if only a closed connection can show it."""
    return _error(content_type, detail) if content_type in _FRAMED else None


def _error(content_type: str, detail: str) -> bytes:
    name = b"event: error\n" if content_type == media.EVENTS else b""
    return name + _framed(content_type, orjson.dumps({"error": detail}))


def _framed(content_type: str, data: bytes) -> bytes:
    return b"data: " + data + b"\n\n" if content_type == media.EVENTS else data + b"\n"
