"""Raw array: the bytes that joblib puts between the opcodes of a pickle, and how many they are.

Whoever could have us step over more of them than joblib reads, or over fewer, could hide opcodes
from us. So a state is read as joblib and numpy read theirs, and what they never write is refused.
"""

import re
from typing import IO, Any

import numpy as np

NAME = "joblib.numpy_pickle.NumpyArrayWrapper"
_STATE = frozenset(
    {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
)
_PADDING = "numpy_array_alignment_bytes"
_DTYPE = re.compile(r"([biufcmMOSUV])\d{1,18}", re.ASCII)  # how a dtype names itself
_SIZED = "SUV"  # kinds whose size is in the dtype's state, too
_VERSIONS = (3, 4)  # of that state
_HAS_OBJECT = 1  # numpy's NPY_ITEM_HASOBJECT


def size(state: Any, file: IO[bytes]) -> int | None:
    """Bytes of the array at the place of `file`, once its padding is read; None if it is a pickle.

    Raises:
        ValueError: for a state that joblib does not write; so do AttributeError, KeyError and
            TypeError.
    """
    if not isinstance(state, dict) or not _STATE.issuperset(state):
        raise ValueError("an array with more than it has")
    dtype, shape, padding = state["dtype"], state["shape"], state.get(_PADDING)
    if holds_objects(dtype):
        return None
    if not isinstance(shape, tuple) or any(type(length) is not int for length in shape):
        raise ValueError("an array without a shape")
    if padding is not None and type(padding) is not int:
        raise ValueError("an array whose padding nobody knows")
    total: int = np.dtype(dtype.args[0]).itemsize
    for length in shape:
        total *= length
    if min(shape, default=0) < 0:
        raise ValueError("an array of less than nothing")
    if padding is not None:
        told = file.read(1)
        total += told[0] if told else 0
    return total


def holds_objects(dtype: Any) -> bool:
    """Whether an array of it is kept as a pickle of its own: a flag in the dtype's state says so.

    Raises:
        ValueError: when the flag, the size and the parts of the dtype say different things.
    """
    if dtype.holds_objects is None:
        dtype.holds_objects = _holds_objects(dtype)
    return bool(dtype.holds_objects)


def _holds_objects(dtype: Any) -> bool:
    kind = _DTYPE.fullmatch(dtype.args[0])
    if dtype.name != "numpy.dtype" or kind is None or not isinstance(dtype.state, tuple):
        raise ValueError("a dtype that is none of numpy's")
    version, _, whole, _, fields, length, _, flags, *_ = dtype.state
    known = np.dtype(kind[0]).itemsize
    if version not in _VERSIONS or length not in ((known,) if kind[1] in _SIZED else (-1, known)):
        raise ValueError("a dtype of another size than it says")
    if fields and not all(isinstance(name, str) for name in fields):
        raise ValueError("a dtype whose fields have no names")
    parts = [field[0] for field in (fields or {}).values()] + ([whole[0]] if whole else [])
    told = bool(flags & _HAS_OBJECT)
    if told != (kind[1] == "O" or any(holds_objects(part) for part in parts)):
        raise ValueError("a dtype that is not what it says")
    return told
