"""LargeRequest: a large `ModelInferRequest`, of which only as much is parsed as is needed at once.

protobuf would copy raw contents into the message, and again at each access. Whole numbers and
strings in lists it reads one by one, in a single call that holds the interpreter: 70 ms for 10 MB
of small numbers. They are left for another process, which is given all of the bytes.
"""

from collections.abc import Iterator
from typing import Any

from ... import protobuf
from ..messages.parsing import Parse, parsed

LARGE = 1 << 16  # bytes; smaller messages are parsed as usual
_LONG = 1 << 12  # bytes of an input; shorter ones stay in the message
_MOST_FIELDS = 1 << 14  # of a message and its inputs, each of which is an object here
_INPUT, _RAW = 5, 7  # fields of ModelInferRequest
_INPUT_TAG = b"\x2a"  # the field, with a length
_CONTENTS = 5  # a field of an input
_FLOATS = frozenset({6, 7})  # fields of contents, which protobuf only copies


class LargeRequest:
    """A message without raw contents and lists, which else looks like the whole one.

    raw_input_contents  views of the received bytes
    is_cut              whether inputs lack their lists of values
    """

    __slots__ = ("_data", "_message", "_parse", "is_cut", "raw_input_contents")

    def __init__(self, data: bytes, parse: Parse) -> None:
        self._data, self._parse = data, parse
        rest, self.raw_input_contents, self.is_cut = cut(data)
        self._message = parse(rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._message, name)

    def whole(self) -> Any:
        """All of the message; raises BadPayload when what was cut off is malformed."""
        return parsed(self._parse, self._data) if self.is_cut else self


def reader(parse: Parse) -> Parse:
    """A parser like `parse`, which makes a LargeRequest of a large message."""

    def read(data: bytes) -> Any:
        if len(data) < LARGE:
            return parse(data)
        try:
            found = LargeRequest(data, parse)
        except ValueError:  # protobuf has the words for it
            return parse(data)
        return found if found.raw_input_contents or found.is_cut else parse(data)

    return read


def whole(request: Any) -> Any:
    """A request with its lists of values; raises BadPayload when they are malformed."""
    return request.whole() if isinstance(request, LargeRequest) else request


def cut(data: bytes) -> tuple[bytes, list[memoryview], bool]:
    """A message without raw contents and long lists, the raw contents, and whether lists are gone.

    Raises:
        ValueError: when it is malformed, or in an unusual encoding.
    """
    view, fields = memoryview(data), BoundedFields(data)
    rest: list[bytes | memoryview] = []
    raw: list[memoryview] = []
    is_cut = False
    for number, kind, start, begin, end in fields.between(0, len(data)):
        if number == _RAW and kind == protobuf.LENGTH:
            raw.append(view[begin:end])
        elif number == _INPUT and kind == protobuf.LENGTH and end - begin >= _LONG:
            kept = b"".join(_without_lists(fields, begin, end))
            is_cut = is_cut or len(kept) < end - begin
            rest += _INPUT_TAG, protobuf.encoded(len(kept)), kept
        else:
            rest.append(view[start:end])
    return b"".join(rest), raw, is_cut


def _without_lists(fields: "BoundedFields", start: int, stop: int) -> Iterator[memoryview]:
    """The fields of an input, except for contents that protobuf reads one by one."""
    for number, kind, begin, value, end in fields.between(start, stop):
        is_list = number == _CONTENTS and kind == protobuf.LENGTH
        if not (is_list and not fields.is_only(_FLOATS, value, end)):
            yield fields.view[begin:end]


class BoundedFields:
    """The fields of a message and of messages in it, up to a number of them."""

    def __init__(self, data: bytes) -> None:
        self.view = memoryview(data)
        self._left = _MOST_FIELDS

    def between(self, start: int, stop: int) -> Iterator[tuple[int, int, int, int, int]]:
        """See `protobuf.parts`; raises ValueError for too many as well."""
        for part in protobuf.parts(self.view, start, stop):
            self._left -= 1
            if self._left < 0:
                raise ValueError(f"more than {_MOST_FIELDS} fields")
            yield part

    def is_only(self, numbers: frozenset[int], start: int, stop: int) -> bool:
        """Whether there is one field, one of these."""
        first = next(self.between(start, stop), None)
        return first is not None and first[0] in numbers and first[-1] == stop
