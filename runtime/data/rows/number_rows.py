"""NumberRows: parses rows of numbers from JSON to an array, without a Python object for each.

What is left of a body without the characters of numbers is the same for all bodies with so many
rows. It says whether the numbers stand in rows of the right shape, under the right key and alone in
the body. The rows of many such bodies are then one JSON list, in which simdjson
(https://github.com/simdjson/simdjson) checks the numbers and lays them side by side. Whatever is
otherwise is for the parser that can say what is wrong with it.
"""

import math
import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from ...manifests.signature import Field, Side
from . import column

if TYPE_CHECKING:
    from collections.abc import Sequence

OF_NUMBERS = b"0123456789+-.eE \t\r\n"
_KEPT = 1 << 14  # bytes of a frame that is remembered
_MOST = 1 << 20  # numbers in a row
_BEGINS = (b'{"instances":[', b'{"instances": [')  # as most clients write it
_ENDS = b"]}"
_ENVELOPE = re.compile(
    rb'[ \t\r\n]*\{[ \t\r\n]*"instances"[ \t\r\n]*:[ \t\r\n]*\[(.*)\][ \t\r\n]*\}[ \t\r\n]*',
    re.DOTALL,
)
_WIDTH = 8  # bytes of a number that was parsed
_FLOATS = frozenset({"float16", "float32", "float64"})
_INTEGERS = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"})
_PARSED = {"d": np.float64, "i": np.int64, "u": np.uint64}  # as simdjson calls them


class NumberRows:
    """Reads `{"instances": [...]}` where each row is an array of one field."""

    __slots__ = ("_dtype", "_format", "_frames", "_head", "_numbers", "_row", "_sizes")

    def __init__(self, field: Field, sizes: tuple[int, ...]) -> None:
        self._dtype = np.dtype(field.dtype)
        self._format = format_of(self._dtype)
        self._sizes = sizes
        self._numbers = math.prod(sizes)
        self._row = _row(sizes)
        self._head = len(_frame(self._row, 1)) - len(self._row)
        self._frames: dict[bytes, int] = {}  # rows of bodies without the characters of numbers

    @classmethod
    def of(cls, side: Side) -> Self | None:
        """For rows of this side; None where they may be something else than such arrays."""
        if side.layout != "array" or not side.fields or not side.fields[0].shape:
            return None
        (field,) = side.fields
        rows, *sizes = field.shape
        fixed = tuple(size for size in sizes if size)
        if rows is not None or len(fixed) != len(sizes) or field.dtype not in _KNOWN:
            return None
        if math.prod(fixed) > _MOST:
            return None
        return cls(field, fixed) if is_there() else None

    def read(self, body: bytes, most: int) -> tuple[int, bytes] | None:
        """How many rows a body has, at most `most`, and their text for `array`.

        None if it has anything else. Whether the text has numbers, `array` will see.
        """
        frame = body.translate(None, OF_NUMBERS)
        rows = self._frames.get(frame) or self._count(frame, most)
        if not 0 < rows <= most:
            return None
        if body.endswith(_ENDS):
            for begin in _BEGINS:
                if body.startswith(begin):
                    return rows, body[len(begin) : -len(_ENDS)]
        match = _ENVELOPE.fullmatch(body)
        return (rows, match[1]) if match is not None else None

    def _count(self, frame: bytes, most: int) -> int:
        """The rows of a body of which `frame` is left; 0 if it has anything else, or too many."""
        rows, rest = divmod(len(frame) - self._head + 1, len(self._row) + 1)
        if rest or not 0 < rows <= most or frame != _frame(self._row, rows):
            return 0
        if len(frame) <= _KEPT:
            self._frames[frame] = rows
        return rows

    def array(self, texts: "Sequence[bytes]", rows: int) -> np.ndarray:
        """The `rows` of all `texts`, under one another.

        Raises:
            ValueError: where something is no number.
            OverflowError: where some number is too large for the field.
        """
        numbers = parsed(b"[%b]" % b",".join(texts), self._format)
        if numbers is None or len(numbers) != _WIDTH * rows * self._numbers:
            raise ValueError("There is something else than numbers.")
        fitting = fitted(bytearray(numbers), self._dtype)
        if fitting is None:
            raise OverflowError(self._dtype)
        return fitting.reshape(-1, *self._sizes)


_KNOWN = _FLOATS | _INTEGERS | {"uint64"}


@cache
def is_there() -> bool:
    """Whether simdjson is installed; old bundles do not have it."""
    try:
        import simdjson  # noqa: F401  # only where there are numbers
    except (ImportError, RuntimeError):
        return False
    return True


def format_of(dtype: np.dtype[Any]) -> str:
    """What simdjson is to read where numbers of `dtype` are wanted."""
    if dtype.kind == "f":
        return "d"
    return "u" if dtype == np.uint64 else "i"


def parsed(text: bytes, form: str, key: str = "") -> "memoryview[int] | None":
    """The numbers of a JSON list, or of the one below `key`, side by side; None if it is none."""
    import simdjson

    try:  # a parser keeps what it has read: a new one each time
        found = cast("Any", simdjson.Parser().parse(text))
        return memoryview((found[key] if key else found).as_buffer(of_type=form))
    except (ValueError, TypeError, KeyError, RuntimeError):
        return None


def fitted(numbers: "bytearray | memoryview[int]", dtype: np.dtype[Any]) -> np.ndarray | None:
    """What was parsed, as `dtype`; None where one of them is too large for that."""
    form = format_of(dtype)
    array = np.frombuffer(numbers, _PARSED[form])
    return column.narrowed(array, dtype) if form == "d" else column.within(array, dtype)


def _row(sizes: tuple[int, ...]) -> bytes:
    """What is left of a row."""
    row = b""
    for size in reversed(sizes):
        row = b"[" + b",".join([row] * size) + b"]"
    return row


def _frame(row: bytes, rows: int) -> bytes:
    """What is left of a body with so many."""
    body = b'{"instances":[%b]}' % b",".join([row] * rows)
    return body.translate(None, OF_NUMBERS)


of = lru_cache(64)(NumberRows.of)


def batch(side: Side, body: bytes, most: int) -> np.ndarray | None:
    """The rows of `body`, at most `most`; None where it has anything but numbers that fit."""
    known = of(side)
    read = known.read(body, most) if known is not None else None
    if known is None or read is None:
        return None
    try:
        return known.array([read[1]], read[0])
    except (ValueError, OverflowError):
        return None  # whoever looks at each of them says which
