"""Raw contents: the tensors of a large `ModelInferRequest`, read in place.

protobuf would copy them into the message, and again at each access.
"""

from collections.abc import Callable
from typing import Any

from ... import protobuf

LARGE = 1 << 16  # bytes; smaller messages are parsed as usual
_FIELD = 7  # raw_input_contents
_MOST_FIELDS = 1 << 14  # of a message, each of which is an object here


class WithRaw:
    """A message whose raw contents are views of the received bytes."""

    __slots__ = ("_message", "raw_input_contents")

    def __init__(self, message: Any, raw: list[memoryview]) -> None:
        self._message = message
        self.raw_input_contents = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._message, name)


def reader(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """A parser like `parse`, but without copies of large raw contents."""

    def read(data: bytes) -> Any:
        if len(data) < LARGE:
            return parse(data)
        try:
            rest, raw = cut(data)
        except ValueError:  # protobuf has the words for it
            return parse(data)
        return WithRaw(parse(rest), raw) if raw else parse(data)

    return read


def cut(data: bytes) -> tuple[bytes, list[memoryview]]:
    """Split a message into its raw contents and the rest.

    Raises:
        ValueError: when it is malformed, or in an unusual encoding.
    """
    view = memoryview(data)
    rest: list[memoryview] = []
    raw: list[memoryview] = []
    for number, kind, start, begin, end in protobuf.parts(data, 0, len(data)):
        if len(rest) + len(raw) == _MOST_FIELDS:
            raise ValueError(f"more than {_MOST_FIELDS} fields")
        if number == _FIELD and kind == protobuf.LENGTH:
            raw.append(view[begin:end])
        else:
            rest.append(view[start:end])
    return b"".join(rest), raw
