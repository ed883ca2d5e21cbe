"""Arrow messages: the declared buffer sizes of an IPC body, before any is decompressed.

Only as much of the flatbuffers is read as that takes.
Source: github.com/apache/arrow, format/Message.fbs; flatbuffers.dev/internals.
"""

import struct
from typing import Any

_RECORD_BATCH, _DICTIONARY_BATCH = 3, 2  # of the union MessageHeader
_HEADER_TYPE, _HEADER = 1, 2  # fields of a Message
_DATA = 1  # field of a DictionaryBatch
_LENGTH, _BUFFERS, _COMPRESSION = 0, 2, 3  # fields of a RecordBatch
_BUFFER = struct.Struct("<qq")  # offset and length in the body


class Broken(ValueError):
    """The metadata is no flatbuffer of a message."""


class Table:
    """A table of a flatbuffer."""

    __slots__ = ("_data", "_place", "_vtable")

    def __init__(self, data: memoryview, place: int) -> None:
        self._data = data
        self._place = place
        self._vtable = place - _int(data, "<i", place)

    @classmethod
    def root(cls, data: memoryview) -> "Table":
        """The table that a flatbuffer is."""
        return cls(data, _int(data, "<I", 0))

    def place(self, field: int) -> int | None:
        """Where a field stands; None where it does not."""
        slot = 4 + 2 * field
        if slot + 2 > _int(self._data, "<H", self._vtable):
            return None
        offset = _int(self._data, "<H", self._vtable + slot)
        return self._place + offset if offset else None

    def table(self, field: int) -> "Table | None":
        """A table that a field refers to."""
        place = self.place(field)
        return None if place is None else Table(self._data, self._target(place))

    def number(self, field: int, form: str) -> int:
        """A number, 0 where it does not stand."""
        place = self.place(field)
        return 0 if place is None else _int(self._data, form, place)

    def buffers(self, field: int) -> list[tuple[int, int]]:
        """Offsets and lengths, of a vector of Buffers."""
        place = self.place(field)
        if place is None:
            return []
        start = self._target(place)
        count = _int(self._data, "<I", start)
        end = start + 4 + count * _BUFFER.size
        if end > len(self._data):
            raise Broken("a vector ends behind the metadata")
        return list(_BUFFER.iter_unpack(self._data[start + 4 : end]))

    def _target(self, place: int) -> int:
        return place + _int(self._data, "<I", place)


def size(metadata: Any, body: Any) -> tuple[int, int]:
    """Rows and bytes that a message becomes; (0, 0) where it is no batch.

    Raises:
        Broken: when it is not what it should be.
    """
    message = Table.root(memoryview(metadata))
    kind = message.number(_HEADER_TYPE, "<B")
    batch = message.table(_HEADER)
    if kind == _DICTIONARY_BATCH and batch is not None:
        batch = batch.table(_DATA)
    if kind not in {_RECORD_BATCH, _DICTIONARY_BATCH} or batch is None:
        return 0, 0
    data = memoryview(body) if body is not None else memoryview(b"")
    is_compressed = batch.place(_COMPRESSION) is not None
    total = 0
    for offset, length in batch.buffers(_BUFFERS):
        if offset < 0 or length < 0 or offset + length > len(data):
            raise Broken("a buffer ends behind the body")
        # A compressed buffer begins with its size, or -1 where it is as it was.
        plain = _int(data, "<q", offset) if is_compressed and length else length
        total += length if plain == -1 else plain
        if plain < -1:
            raise Broken("a buffer of negative size")
    rows = batch.number(_LENGTH, "<q") if kind == _RECORD_BATCH else 0
    return rows, total


def _int(data: memoryview, form: str, place: int) -> int:
    if not 0 <= place <= len(data) - struct.calcsize(form):
        raise Broken("it refers to what is not there")
    value: int = struct.unpack_from(form, data, place)[0]
    return value
