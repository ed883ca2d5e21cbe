"""Layout: how a batch is laid out on a slab; described once, then referred to by a number.

A layout is made of plain tuples, so that it is a key in a dict and its own JSON. `rows` is None
for as many as the message says, a number where a model answered with parts of several lengths, and
SCALAR where a part is one value.

("raw", dtype, shape of a row, rows)   an array's own bytes
("bytes", shape of a row, rows)        lengths, then the bytes of all values
("json", shape of a row, rows)         an array of objects: the next list among the JSON values
("list",)                              rows of any kind: the next list among the JSON values
("npy",)                               an array of records: a length, then the file
("fragments", rows)                    JSON of each row: ends, then the text; what is wrong follows
("unfit", why)                         what has no rows
("text",)                              bytes as they are: their number, then they
("noted", layout)                      what is to be known of a part: the next of the JSON values
("dict", names, layouts)
("tuple", layouts)
"""

from typing import Any

import orjson

Layout = tuple[Any, ...]

SCALAR = -1
KNOWN = 1024  # layouts that a process remembers of another: each request may have its own shapes


class Numbers:
    """The writer's table of the layouts that the reader knows."""

    def __init__(self) -> None:
        self._numbers: dict[Layout, int] = {}
        self._order: list[Layout | None] = [None] * KNOWN
        self._next = 0

    def get(self, layout: Layout) -> int | None:
        """The number of a layout that has been described."""
        return self._numbers.get(layout)

    def add(self, layout: Layout) -> int:
        """A number for a layout that will be; the oldest one is forgotten for it."""
        number = self._next
        forgotten = self._order[number]
        if forgotten is not None:
            del self._numbers[forgotten]
        self._numbers[layout] = number
        self._order[number] = layout
        self._next = (number + 1) % KNOWN
        return number


def describe(layout: Layout) -> bytes:
    """A layout as JSON."""
    return orjson.dumps(layout)


def read(description: bytes | memoryview) -> Layout:
    """What `describe` wrote."""
    layout: Layout = _tuples(orjson.loads(description))
    return layout


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
