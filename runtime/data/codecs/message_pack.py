"""MessagePack: the JSON envelope in fewer bytes, and arrays in it as raw bytes.

Source: github.com/msgpack/msgpack, spec.md. An array may stand in the form of the package
`msgpack-numpy`: a map of `nd`, `type` (or `descr`), `shape` and `data`.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import BadPayload, InvalidInput, PayloadTooLarge
from ..depth import MAX_DEPTH
from ..rows import extent

_MOST_CONTAINERS = 1 << 20  # lists and maps of one body, where its rows may be anything
_EPOCHS = range(-62_135_596_800, 253_402_300_800)  # seconds of the years from 1 to 9999
_DESCR = re.compile(r"[<>|=]?[biuf][1-8]", re.ASCII)


def loads(body: bytes, most_containers: float = math.inf) -> tuple[Any, bool]:
    """The value of `instances`, and whether arrays stand anywhere in it.

    It is a list of rows, an array, or arrays by their names.

    An empty list takes one byte and seventy of memory, so lists and maps are counted while they
    are made.

    Raises:
        BadPayload: when it is not MessagePack.
        InvalidInput: when it is of another form, or a key stands twice.
        PayloadTooLarge: beyond `most_containers` lists and maps.
    """
    import msgpack

    count = _Count(min(most_containers, _MOST_CONTAINERS), msgpack.Timestamp)
    try:
        value = msgpack.unpackb(
            body,
            raw=False,
            strict_map_key=False,
            object_pairs_hook=count.mapped,
            list_hook=count.listed,
            ext_hook=_no_extension,
        )
    except (RecursionError, ValueError) as error:  # with msgpack's own, which are ValueErrors
        raise BadPayload("The body is not MessagePack.") from error
    if type(value) is not dict or set(value) != {"instances"}:
        raise InvalidInput('Expected {"instances": [...]}.')
    return value["instances"], count.has_arrays


def dumps(predictions: Any, *, arrays: bool = False) -> bytes:
    """The answer's body; `arrays` stand in it as raw bytes, else as lists.

    Raises:
        TypeError, ValueError, OverflowError: for what has no MessagePack.
    """
    import msgpack

    packed: bytes = msgpack.packb(
        {"predictions": predictions}, default=_raw if arrays else _listed, use_bin_type=True
    )
    return packed


class _Count:
    """Counts what is made, and refuses more."""

    def __init__(self, most: float, timestamp: Any) -> None:
        self._left = most
        self._timestamp = timestamp
        self.has_arrays = False

    def listed(self, items: list[Any]) -> list[Any]:
        self._one()
        return list(map(self._plain, items)) if self._timestamp in set(map(type, items)) else items

    def mapped(self, pairs: list[tuple[Any, Any]]) -> Any:
        self._one()
        made = {_text(key): self._plain(value) for key, value in pairs}
        if len(made) < len(pairs):
            raise InvalidInput("A key appears more than once in a map.")
        if made.get("nd") is not True:
            return made
        self.has_arrays = True
        return _array(made)

    def _plain(self, value: Any) -> Any:
        """A value, a time as text."""
        if type(value) is not self._timestamp:
            return value
        if value.seconds not in _EPOCHS:
            raise InvalidInput("A time in the body is not in the years from 1 to 9999.")
        return f"{np.datetime64(value.seconds, 's')}.{value.nanoseconds:09d}"

    def _one(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise PayloadTooLarge("The body has more lists and maps than rows of this kind have.")


def _text(key: Any) -> str:
    """A key, which may be bytes: the package msgpack-numpy writes its own so."""
    if isinstance(key, bytes):
        return key.decode("latin-1")
    if isinstance(key, str):
        return key
    raise InvalidInput("A key of a map is not text.")


def _array(made: Mapping[str, Any]) -> np.ndarray:
    descr, shape, data = made.get("type", made.get("descr")), made.get("shape"), made.get("data")
    if isinstance(descr, bytes):
        descr = descr.decode("latin-1")
    if not (isinstance(descr, str) and isinstance(shape, list) and isinstance(data, bytes)):
        raise InvalidInput("An array in the body lacks its `type`, `shape` or `data`.")
    is_shape = len(shape) <= MAX_DEPTH and all(type(n) is int and 0 <= n < 1 << 40 for n in shape)
    if not is_shape or extent.is_hollow(shape):
        raise InvalidInput("The shape of an array in the body is invalid.")
    dtype = _dtype(descr)
    if math.prod(shape) * dtype.itemsize != len(data):
        raise BadPayload("An array in the body is not as long as its shape says.")
    try:
        array = np.frombuffer(data, dtype).reshape(shape) if data else np.empty(shape, dtype)
    except ValueError as error:  # more dimensions than numpy has
        raise InvalidInput("The shape of an array in the body is invalid.") from error
    return array.astype(dtype.newbyteorder("="))


def _dtype(descr: str) -> np.dtype[Any]:
    try:
        if _DESCR.fullmatch(descr):  # numpy would evaluate others
            return np.dtype(descr)
    except TypeError:
        pass
    raise InvalidInput("An array in the body is not of numbers or booleans.")


def _no_extension(code: int, _: bytes) -> Any:
    raise InvalidInput(f"The body has a value of the extension type {code}; none is known.")


def _listed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(type(value).__name__)


def _raw(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        data = np.ascontiguousarray(value).tobytes()
        shape = list(value.shape)
        return {"nd": True, "type": value.dtype.str, "kind": "", "shape": shape, "data": data}
    raise TypeError(type(value).__name__)
