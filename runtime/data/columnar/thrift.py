"""Thrift: structs of the compact protocol as dicts by the numbers of their fields.

Source: github.com/apache/thrift, doc/specs/thrift-compact-protocol.md.
"""

from typing import Any

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_NUMBERS = frozenset({4, 5, 6})
_LONG = 15  # a list of so many or more says its size apart
_SEVEN_BITS = 127
_MOST_DEPTH = 16

Struct = dict[int, Any]


class Broken(ValueError):
    """The bytes are no struct."""


class ThriftReader:
    """Reads structs one after another; `place` is where the next begins.

    `most` is how many values they may have together.
    """

    __slots__ = ("_data", "_left", "place")

    def __init__(self, data: memoryview, place: int = 0, most: int = 1 << 20) -> None:
        self._data = data
        self._left = most
        self.place = place

    def struct(self, depth: int = 0) -> Struct:
        """The struct that begins here; raises Broken when there is none."""
        if depth > _MOST_DEPTH:
            raise Broken("nested too deeply")
        found: Struct = {}
        field = 0
        while head := self._byte():
            delta, kind = head >> 4, head & 15
            field = field + delta if delta else self._number()
            found[field] = kind == _TRUE if kind in {_TRUE, _FALSE} else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        self._left -= 1
        if self._left < 0:
            raise Broken("too many values")
        if kind in _NUMBERS:
            return self._number()
        if kind in {_BYTE, _TRUE, _FALSE}:
            return self._byte()
        if kind == _DOUBLE:
            return self._bytes(8)
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind in {_LIST, _SET}:
            return self._list(depth)
        if kind == _STRUCT:
            return self.struct(depth + 1)
        raise Broken("a value of an unknown type")  # maps, which no file of ours has

    def _list(self, depth: int) -> list[Any]:
        if depth > _MOST_DEPTH:
            raise Broken("nested too deeply")
        head = self._byte()
        size = self._varint() if head >> 4 == _LONG else head >> 4
        if size > len(self._data):
            raise Broken("a list longer than everything")
        return [self._value(head & 15, depth + 1) for _ in range(size)]

    def _bytes(self, size: int) -> bytes:
        if size > len(self._data) - self.place:
            raise Broken("a text ends behind the file")
        self.place += size
        return bytes(self._data[self.place - size : self.place])

    def _byte(self) -> int:
        if not 0 <= self.place < len(self._data):
            raise Broken("a struct ends behind the file")
        self.place += 1
        return self._data[self.place - 1]

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & _SEVEN_BITS) << shift
            if byte <= _SEVEN_BITS:
                return value
        raise Broken("a number without an end")

    def _number(self) -> int:
        """A zigzag number."""
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
