"""npy: numpy's file format for one array, read without ever unpickling."""

import math
import re
import sys
from io import BytesIO

import numpy as np

from ...errors import BadPayload
from ..rows import extent

MAGIC = b"\x93NUMPY"
MAX_DIMENSIONS = 32
_HALVES = range(0xD800, 0xE000)  # of surrogate pairs, which UTF-32 does not have

_DESCR = re.compile(
    r"""['"]descr['"]\s*:\s*['"]([<>|=]?[biufSU]\d{1,6}|[<>=]?M8\[(?:[DWhms]|[mun]s)\])['"]"""
)
_FORTRAN = re.compile(r"""['"]fortran_order['"]\s*:\s*(True|False)""")
_LONG = re.compile(r"\d{20}")
_SHAPE = re.compile(r"""['"]shape['"]\s*:\s*\(([\d,\s]*)\)""")


def loads(data: bytes) -> np.ndarray:
    """The array in `data`, in this machine's byte order; a view of `data` where it can be.

    The header is matched, never evaluated, and the sizes that it claims are compared with the
    bytes that came before anything is allocated.

    Raises:
        BadPayload: when it is not npy, holds objects or what is no text, or is longer or shorter
            than announced.
    """
    header, start = _header(data)
    dtype, is_fortran, shape = _fields(header)
    expected = math.prod(shape) * dtype.itemsize
    if len(data) - start != expected:
        raise BadPayload(
            f"The npy header announces {expected} bytes of data, the body has {len(data) - start}."
        )
    try:
        flat = np.frombuffer(data, dtype, offset=start) if expected else np.empty(0, dtype)
        array = flat.reshape(shape, order="F" if is_fortran else "C")
    except ValueError as error:
        raise BadPayload(f"The npy header is not one of an array: {error}.") from error
    array = array if dtype.isnative else array.astype(dtype.newbyteorder("="))
    if dtype.kind == "U":
        _check_text(array)
    return array


def dumps(array: np.ndarray) -> bytes:
    """`array` as npy; raises ValueError for an array of objects."""
    file = BytesIO()
    np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
    return file.getvalue()


def _check_text(array: np.ndarray) -> None:
    """Refuse texts with lone surrogates, or code points beyond Unicode."""
    points = np.frombuffer(array.tobytes(), np.uint32)
    is_half = (points >= _HALVES.start) & (points < _HALVES.stop)
    if (is_half | (points > sys.maxunicode)).any():
        raise BadPayload("The npy array has characters that Unicode does not have.")


def _header(data: bytes) -> tuple[str, int]:
    """The header's text and the offset at which the data starts."""
    if not data.startswith(MAGIC) or len(data) < 12:  # noqa: PLR2004  # the longest fixed part
        raise BadPayload("The body is not npy: it does not begin with `\\x93NUMPY`.")
    version = data[6]
    if version not in {1, 2, 3}:
        raise BadPayload(f"npy version {version} is not known; 1, 2 and 3 are.")
    first = 10 if version == 1 else 12
    start = first + int.from_bytes(data[8:first], "little")
    if start > len(data) or start > 1 << 16:
        raise BadPayload("The npy header is longer than the body.")
    return data[first:start].decode("latin-1"), start


def _fields(header: str) -> tuple[np.dtype, bool, tuple[int, ...]]:
    descr, fortran, shape = (p.search(header) for p in (_DESCR, _FORTRAN, _SHAPE))
    if descr is None or fortran is None or shape is None:
        raise BadPayload(
            "The npy header is not one of a plain array of numbers, booleans, strings or times."
        )
    if _LONG.search(shape[1]):
        raise _beyond(shape[1])
    sizes = tuple(int(size.strip()) for size in shape[1].split(",") if size.strip().isdecimal())
    if (
        len(sizes) > MAX_DIMENSIONS
        or any(size > 1 << 40 for size in sizes)
        or extent.is_hollow(sizes)
    ):
        raise _beyond(shape[1])
    try:
        return np.dtype(descr[1]), fortran[1] == "True", sizes
    except TypeError as error:
        raise BadPayload(f"The npy header's dtype `{descr[1]}` is not known.") from error


def _beyond(shape: str) -> BadPayload:
    return BadPayload(f"The npy header's shape ({shape[:64]}) is beyond any limit.")
