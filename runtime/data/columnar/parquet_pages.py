"""Parquet pages: the decompressed sizes of a file's columns, from its footer and page headers.

What a footer says of sizes binds nobody; what a page's own head says is what a reader allocates.
The footer is read here and not by pyarrow, whose accessors end the process for some that are
damaged.
Source: github.com/apache/parquet-format, src/main/thrift/parquet.thrift.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from .thrift import Broken, Struct, ThriftReader

MAGIC = b"PAR1"

_SCHEMA, _ROWS, _GROUPS = 2, 3, 4  # fields of FileMetaData
_TYPE, _LENGTH, _NAME, _CHILDREN = 1, 2, 4, 5  # of SchemaElement
_CHUNKS, _GROUP_ROWS = 1, 3  # of RowGroup
_ELSEWHERE, _META, _SECRET = 1, 3, 8  # of ColumnChunk
_PATH, _COUNT, _COMPRESSED, _DATA_AT, _DICTIONARY_AT = 3, 5, 7, 9, 11  # of ColumnMetaData
_INFLATED, _SIZE, _DATA, _DATA_V2 = 2, 3, 5, 8  # of PageHeader
_VALUES, _ENCODING, _ENCODING_V2 = 1, 2, 4  # of DataPageHeader, and of its second version

_WIDTHS = {0: 1, 1: 4, 2: 8, 3: 12, 4: 4, 5: 8}  # bytes of a value, by its physical type
_BYTE_ARRAY, _FIXED = 6, 7
_TEXT = 16  # bytes of a text's place; the texts themselves are in the pages
_DELTA_LENGTH = 6  # an encoding that pyarrow reads only as texts, each by itself
_DELTA_BYTE_ARRAY = 7  # an encoding in which a few bytes stand for any number
_MOST_PAGES = 1 << 16  # of a file, beyond the few of each column chunk
_USUAL_PAGES = 4  # a dictionary, some data, and a look behind them
_TAIL = 8  # bytes of the footer's size and the magic


@dataclass(frozen=True, slots=True)
class Footer:
    """The footer of a file.

    rows    of all row groups
    texts   paths of the columns of texts, but for those whose texts are all stored one by one
    size    bytes of all pages once inflated, or of the values in them where those are more
    """

    rows: int
    texts: tuple[str, ...]
    size: int

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Read the footer, and the head of each page.

        Raises:
            Broken: when that is not possible, or something hides its size.
        """
        data = memoryview(body)
        if len(body) < _TAIL + len(MAGIC) or body[:4] != MAGIC or body[-4:] != MAGIC:
            raise Broken("no Parquet file, or an encrypted one")
        start = len(body) - _TAIL - int.from_bytes(body[-8:-4], "little")
        if start < len(MAGIC):
            raise Broken("a footer longer than the file")
        footer = ThriftReader(data, start).struct()
        leaves = [each for each in _structs(footer, _SCHEMA) if _CHILDREN not in each]
        groups = _structs(footer, _GROUPS)
        rows = max(_whole(footer, _ROWS), sum(_whole(group, _GROUP_ROWS) for group in groups))
        size = 0
        texts: dict[str, None] = {}
        chunks = list(_columns(groups, leaves))
        pages = iter(range(_MOST_PAGES + _USUAL_PAGES * len(chunks)))  # many may lie in one place
        for meta, leaf in chunks:
            chunk_size, encodings = _size(data, meta, leaf, pages)
            size += chunk_size
            if leaf.get(_TYPE) == _BYTE_ARRAY and encodings != {_DELTA_LENGTH}:
                texts[_path(meta)] = None
        return cls(rows, tuple(texts), size)


def _columns(groups: list[Struct], leaves: list[Struct]) -> Iterator[tuple[Struct, Struct]]:
    """Each column chunk, and what the schema says of its column."""
    for group in groups:
        chunks = _structs(group, _CHUNKS)
        if len(chunks) != len(leaves):
            raise Broken("a row group of other columns than the schema")
        for chunk, leaf in zip(chunks, leaves, strict=True):
            if chunk.get(_ELSEWHERE) or _SECRET in chunk or not isinstance(chunk.get(_META), dict):
                raise Broken("a column that is elsewhere, or encrypted")
            yield chunk[_META], leaf


def _size(
    data: memoryview, meta: Struct, leaf: Struct, room: Iterator[int]
) -> tuple[int, set[int]]:
    """What a column chunk becomes, in bytes, and the encodings of its data."""
    start = _whole(meta, _DATA_AT)
    if not start and not _whole(meta, _COUNT):  # of no rows, where no page of values is read
        return 0, set()
    if _DICTIONARY_AT in meta:
        start = min(start, _whole(meta, _DICTIONARY_AT))
    inflated, values, encodings = _pages(data, start, _whole(meta, _COMPRESSED), room)
    kind = _whole(leaf, _TYPE)
    width = _WIDTHS.get(kind, _TEXT)
    if kind == _FIXED:
        width = max(_whole(leaf, _LENGTH), 1)
    return max(inflated, values * width), encodings


def _pages(
    data: memoryview, start: int, length: int, room: Iterator[int]
) -> tuple[int, int, set[int]]:
    """Bytes, values and encodings of the pages that lie there.

    `room` has a number for each page that may be.
    """
    size = values = 0
    encodings: set[int] = set()
    place, end = start, start + length
    if end > len(data):
        raise Broken("a column chunk ends behind the file")
    for _ in room:
        if place >= end:
            return size, values, encodings
        reader = ThriftReader(data, place, most=256)
        head = reader.struct()
        size += _whole(head, _INFLATED)
        for kind, encoding in ((_DATA, _ENCODING), (_DATA_V2, _ENCODING_V2)):
            if (page := head.get(kind)) is not None:
                values += _values(page, encoding)
                encodings.add(_whole(page, encoding))
        place = reader.place + _whole(head, _SIZE)
    raise Broken("too many pages")


def _values(page: Any, encoding: int) -> int:
    if not isinstance(page, dict) or _whole(page, encoding) == _DELTA_BYTE_ARRAY:
        raise Broken("an encoding that hides the size of its values")
    return _whole(page, _VALUES)


def _path(meta: Struct) -> str:
    parts = meta.get(_PATH)
    if not isinstance(parts, list) or not all(isinstance(part, bytes) for part in parts):
        raise Broken("a column without a path")
    return b".".join(parts).decode("utf-8", "replace")


def _structs(found: Struct, field: int) -> list[Struct]:
    listed: Any = found.get(field, [])
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise Broken("a list of other things than structs")
    return listed


def _whole(found: Struct, field: int) -> int:
    number = found.get(field)
    if type(number) is not int or number < 0:
        raise Broken("an invalid or negative number")
    return number
