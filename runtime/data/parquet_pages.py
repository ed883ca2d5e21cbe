"""Parquet pages: how much the pages of a column become, read from their heads alone.

What the footer says of sizes binds nobody; what a page's own head says is what a reader allocates.
Source: github.com/apache/parquet-format, src/main/thrift/parquet.thrift (PageHeader), and Thrift's
compact protocol, doc/specs/thrift-compact-protocol.md.
"""

from dataclasses import dataclass

_DICTIONARY, _DATA, _DATA_V2 = 7, 5, 8  # fields of a PageHeader, by the kind of the page
_DELTA_BYTE_ARRAY = 7  # an encoding in which a few bytes stand for any number
_MOST_PAGES = 1 << 16
_LIST, _SET, _MAP, _STRUCT = 9, 10, 11, 12  # types of the compact protocol
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY = 1, 2, 3, 7, 8
_MOST_DEPTH = 8
_SEVEN_BITS = 127


class Broken(ValueError):
    """The head of a page cannot be read."""


@dataclass(slots=True)
class Pages:
    """Bytes and values of some pages."""

    size: int = 0
    values: int = 0


def measure(data: memoryview, start: int, length: int) -> Pages:
    """The pages of a column chunk that lies at `start` in the file.

    Raises:
        Broken: when a head is none, or an encoding is that which hides its size.
    """
    pages, place, end = Pages(), start, start + length
    if not 0 <= start <= end <= len(data):
        raise Broken("a column chunk ends behind the file")
    for _ in range(_MOST_PAGES):
        if place >= end:
            return pages
        head = _Head(data, place)
        inflated, compressed = head.fields.get(2, -1), head.fields.get(3, -1)
        if inflated < 0 or compressed < 0:
            raise Broken("a page without a size")
        pages.size += inflated
        pages.values += head.values
        place = head.place + compressed
    raise Broken("too many pages")


class _Head:
    """A PageHeader: its own numbers, and those of the struct for its kind of page."""

    def __init__(self, data: memoryview, place: int) -> None:
        self._data = data
        self.place = place
        self.fields: dict[int, int] = {}
        self._struct(self.fields, 0)

    @property
    def values(self) -> int:
        """Values of a data page."""
        return self.fields.get(_DATA * 100 + 1, 0) + self.fields.get(_DATA_V2 * 100 + 1, 0)

    def _struct(self, found: dict[int, int] | None, prefix: int) -> None:
        field = 0
        for _ in range(64):
            head = self._byte()
            if head == 0:
                return
            kind, delta = head & 15, head >> 4
            field = field + delta if delta else self._number()
            if kind == _STRUCT and found is not None and not prefix:
                self._struct(found if field in {_DATA, _DATA_V2} else None, field * 100)
            elif kind in {4, 5, 6}:
                value = self._number()
                self._note(found, prefix, field, value)
            else:
                self._skip(kind, 0)
        raise Broken("a struct without an end")

    def _note(self, found: dict[int, int] | None, prefix: int, field: int, value: int) -> None:
        if found is None:
            return
        encoding = {_DATA * 100: 2, _DATA_V2 * 100: 4}.get(prefix)
        if field == encoding and value == _DELTA_BYTE_ARRAY:
            raise Broken("an encoding that hides the size of its values")
        found[prefix + field] = value

    def _skip(self, kind: int, depth: int) -> None:
        if depth > _MOST_DEPTH:
            raise Broken("nested too deeply")
        if kind in {_TRUE, _FALSE}:
            return
        if kind == _BYTE:
            self.place += 1
        elif kind == _DOUBLE:
            self.place += 8
        elif kind in {4, 5, 6}:
            self._number()
        elif kind == _BINARY:
            size = self._varint()
            self.place += size
        elif kind == _STRUCT:
            self._struct(None, 1)
        else:  # a PageHeader has no lists, sets or maps
            raise Broken("a field of an unknown type")

    def _byte(self) -> int:
        if not 0 <= self.place < len(self._data):
            raise Broken("a head ends behind the file")
        self.place += 1
        return self._data[self.place - 1]

    def _varint(self) -> int:
        value = shift = 0
        for _ in range(10):
            byte = self._byte()
            value |= (byte & _SEVEN_BITS) << shift
            shift += 7
            if byte <= _SEVEN_BITS:
                return value
        raise Broken("a number without an end")

    def _number(self) -> int:
        """A zigzag number."""
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
