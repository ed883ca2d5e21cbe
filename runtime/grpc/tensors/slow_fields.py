"""SlowFields: large messages without the values that protobuf reads one by one.

Whole numbers, strings and messages in lists it reads in a single call that holds the interpreter:
300 ms for 10 MB. They are left for another process, which is given all of the bytes.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ... import protobuf
from ...dialects import work
from ...dialects.catalog import Catalog
from ...dialects.dialect_request import DialectRequest
from ...dialects.served import Served
from ..background_thread import BackgroundThread
from ..messages.parsing import Parse
from .extent import Fields
from .large_request import LARGE, BoundedFields

_LONG = 1 << 12  # bytes of such values; fewer are parsed at once


def reader(slow: Fields) -> Callable[[Parse], Parse]:
    """Makes parsers that leave the fields `slow` out of a large message with many such values.

    In `slow` are these fields by number, with what is slow in them: None = everything.
    """

    def made(parse: Parse) -> Parse:
        def read(data: bytes) -> Any:
            return parse(data if len(data) < LARGE else without(data, slow))

        return read

    return made


def without(data: bytes, slow: Fields) -> bytes:
    """A message without the fields `slow`; all of it if few values in them are, or if malformed."""
    fields = BoundedFields(data)
    try:
        if not _are_many(_sizes(fields, slow, 0, len(data))):
            return data
        parts = list(BoundedFields(data).between(0, len(data)))
    except ValueError:  # protobuf has the words for it
        return data
    return b"".join(
        fields.view[start:end]
        for number, kind, start, _, end in parts
        if not (number in slow and kind == protobuf.LENGTH)
    )


def _are_many(sizes: Iterator[int]) -> bool:
    total = 0
    for size in sizes:
        total += size
        if total >= _LONG:
            return True
    return False


def _sizes(fields: BoundedFields, slow: Fields, start: int, stop: int) -> Iterator[int]:
    """The bytes of each slow field."""
    for number, kind, begin, value, end in fields.between(start, stop):
        if number in slow:
            inner = slow[number]
            if inner is None:
                yield end - begin
            elif inner and kind == protobuf.LENGTH:
                yield from _sizes(fields, inner, value, end)


async def read(
    catalog: Catalog,
    background: BackgroundThread,
    served: Served,
    dialect_request: DialectRequest,
    kind: str,
    context: work.Json,
) -> tuple[Any, Any]:
    """The note and the batch that a kind of work reads in a message, in a thread if need be.

    Raises:
        RequestError: see `work.read`.
    """
    body = dialect_request.body
    found = await work.read(served, dialect_request.deadline, kind, context, body)
    if found is not None:
        return found
    reading = partial(work.read_here, catalog, served, kind, context, body)
    return await background.run(reading, is_long=True)
