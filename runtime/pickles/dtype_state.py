"""Dtype state: checks the state of a pickled numpy dtype, which numpy itself does not.

A forged dtype could make numpy dereference addresses from the file (objects declared as numbers),
or read and write out of bounds (fields beyond the item size). So only states that numpy itself
writes are accepted. Source: `arraydescr_reduce` in numpy's descriptor.c.
"""

import math
import re
from itertools import pairwise
from typing import Any

import numpy as np

NAME = "numpy.dtype"
_KIND = re.compile(r"([biufcmMOSUV])\d{1,18}", re.ASCII)  # how a dtype names itself
_RECORD = "numpy.record"  # a structure whose rows are of that class
_SIZED = "SUV"  # kinds whose size is in the dtype's state, too
_VERSIONS = (3, 4)  # of that state
_FIELD = (2, 3)  # parts of a field: dtype, offset, title
_ALIGNMENTS = (-1, 1, 2, 4, 8, 16, 32, 64)
_DIMENSIONS = 64  # of an array, at most
_LONGEST = 1 << 63
_OF_OBJECTS = 0x13  # numpy's flags: holds objects, is pickled as a list, needs the interpreter
_NEVER_OTHERWISE = 0x67  # of these, and of those that go with them, a number has none


def holds_objects(dtype: Any) -> bool:
    """Whether arrays of the dtype contain objects, and so are stored as a nested pickle.

    Raises:
        ValueError, AttributeError, IndexError, TypeError: when the state is inconsistent.
    """
    if dtype.holds_objects is None:
        dtype.holds_objects = _checked(dtype)
    return bool(dtype.holds_objects)


def extent(state: Any) -> int:
    """How many parts a state has, with those of its own parts: what checking it costs."""
    if not isinstance(state, tuple):
        return 1
    inner = [part for part in state if isinstance(part, (tuple, dict))]
    return len(state) + sum(map(len, inner))


def is_shape(shape: Any) -> bool:
    """Whether it is the shape of an array."""
    return (
        isinstance(shape, tuple)
        and len(shape) <= _DIMENSIONS
        and all(type(length) is int and 0 <= length < _LONGEST for length in shape)
    )


def size(dtype: Any) -> int:
    """Bytes of one value, by the dtype's name, which `holds_objects` has checked."""
    return int(np.dtype(dtype.args[0]).itemsize)


def _checked(dtype: Any) -> bool:
    kind, _, is_copy = dtype.args
    if getattr(kind, "name", None) == _RECORD:
        length = dtype.state[5]
        kind = f"V{length}" if type(length) is int else None
        dtype.args = (kind, *dtype.args[1:])
    if dtype.name != NAME or not is_copy or not _KIND.fullmatch(kind):
        raise ValueError("a dtype that numpy does not have")
    version, order, whole, names, fields, length, alignment, flags, *_ = dtype.state
    if version not in _VERSIONS or order not in ("<", ">", "|", "="):
        raise ValueError("a dtype of another numpy")
    known = np.dtype(kind).itemsize
    if length not in ((known,) if kind[0] in _SIZED else (-1, known)):
        raise ValueError("a dtype of another size than it says")
    if alignment not in _ALIGNMENTS:
        raise ValueError("a dtype without an alignment")
    parts = _fields(names, fields, known) if fields or names else []
    parts += _whole(whole, known) if whole else []
    if parts and kind[0] != "V":
        raise ValueError("a dtype of parts that has none")
    has_objects = kind[0] == "O" or any(holds_objects(part) for part in parts)
    if flags & (_OF_OBJECTS if has_objects else _NEVER_OTHERWISE) != has_objects * _OF_OBJECTS:
        raise ValueError("a dtype that is not what it says")
    return has_objects


def _fields(names: Any, fields: Any, length: int) -> list[Any]:
    """The dtypes of a structure's fields, checked to lie within it."""
    is_named = isinstance(names, tuple) and all(isinstance(name, str) for name in (*names, *fields))
    if not is_named or not set(names) <= set(fields):
        raise ValueError("a dtype whose fields have no names")
    found = list(fields.values())
    if not all(isinstance(field, tuple) and len(field) in _FIELD for field in found):
        raise ValueError("a dtype with a field of another kind")
    for part, offset, *_ in found:
        holds_objects(part)
        if type(offset) is not int or not 0 <= offset <= length - size(part):
            raise ValueError("a dtype with a field outside of it")
    places = {(offset, id(part)): size(part) for part, offset, *_ in found}  # titles stand twice
    ends = sorted((start, start + length) for (start, _), length in places.items())
    is_overlapping = any(end > after for (_, end), (after, _) in pairwise(ends))
    parts = [part for part, *_ in found]
    if is_overlapping and any(map(holds_objects, parts)):
        raise ValueError("a dtype of which one part is the other")
    return parts


def _whole(whole: Any, length: int) -> list[Any]:
    """The base dtype of a subarray dtype, checked to have `length` bytes in all."""
    part, shape = whole
    holds_objects(part)
    if not is_shape(shape):
        raise ValueError("a dtype without a shape")
    if size(part) * math.prod(shape) != length:
        raise ValueError("a dtype of another size than it says")
    return [part]
