"""Tensor: a tensor of the Open Inference Protocol, and its binary form.

Source: github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md; BF16
and the raw form of BYTES are Triton's.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...data.rows import extent
from ...errors import BadPayload, InvalidInput
from ...printable import printable

DTYPES: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
"""Datatypes whose raw form is what numpy has in memory; BF16 and BYTES are the others."""

BF16_SIZE = 2
_DESCRIBED = frozenset({"name", "shape", "datatype"})  # of each tensor in JSON
LONGEST = 64  # characters of a name that an error repeats
_MOST_AXES = 32
_MOST = 2**63 - 1  # elements, and bytes, that a shape may speak of
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output.

    `data` of numbers is an array of `shape` (BF16 as float32), of BYTES the values one after the
    other, the last axis fastest. `labels` are what the places of a row stand for, where a model is
    known to answer with one number for each of its classes.
    """

    name: str
    datatype: str
    shape: Sequence[int]
    data: np.ndarray | list[bytes]
    labels: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Its name, fit for an error."""
        return printable(self.name[:LONGEST])


def are_in(document: Any) -> bool:
    """Whether a JSON value has tensors under `inputs`: at least one, and nothing else."""
    inputs = document.get("inputs") if type(document) is dict else None
    if type(inputs) is not list or not inputs:
        return False
    return all(type(each) is dict and each.keys() >= _DESCRIBED for each in inputs)


# --- what it is in bytes ---


def from_raw(
    name: str, datatype: str, shape: Sequence[int], data: bytes | memoryview, model: str = ""
) -> Tensor:
    """A tensor out of its raw form; numbers are a view of `data`, `model` is for the errors.

    Raises:
        InvalidInput: for an unknown datatype or an impossible shape.
        BadPayload: when the bytes are not as many as the shape says.
    """
    shown = printable(name[:LONGEST])
    at = f"input '{shown}'" + (f" for model '{printable(model[:LONGEST])}'" if model else "")
    itemsize = itemsize_of(datatype)
    count = size(shown, shape, itemsize)
    if datatype == "BYTES":
        return Tensor(name, datatype, shape, _strings(at, count, data))
    if not itemsize:
        raise unknown_datatype(shown, datatype)
    if itemsize * count != len(data):
        raise BadPayload(
            f"input byte size mismatch for {at}. Expected {itemsize * count}, got {len(data)}."
        )
    if datatype == "BF16":
        halves = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return Tensor(name, datatype, shape, halves.view(np.float32).reshape(shape))
    array = np.frombuffer(data, DTYPES[datatype] if datatype != "BOOL" else np.uint8)
    if datatype == "BOOL":
        array = array != 0
    return Tensor(name, datatype, shape, array.reshape(shape))


def to_raw(tensor: Tensor) -> bytes:
    """Its raw form: little-endian, row-major, each of BYTES behind its length."""
    data = tensor.data
    if isinstance(data, list):
        return b"".join([part for each in data for part in (_LENGTH.pack(len(each)), each)])
    if tensor.datatype == "BF16":
        return _halves(np.ascontiguousarray(data, np.float32)).tobytes()
    return np.ascontiguousarray(data, DTYPES[tensor.datatype]).tobytes()


def raw_view(tensor: Tensor) -> bytes | memoryview:
    """As `to_raw`; numbers that are in memory in this form are not copied."""
    dtype = DTYPES.get(tensor.datatype)
    if dtype is None:
        return to_raw(tensor)
    return np.ascontiguousarray(tensor.data, dtype).reshape(-1).view(np.uint8).data


def itemsize_of(datatype: str) -> int:
    """Bytes of one number; 0 for BYTES, and for what is no datatype."""
    if datatype == "BF16":
        return BF16_SIZE
    dtype = DTYPES.get(datatype)
    return 0 if dtype is None else dtype.itemsize


def size(shown: str, shape: Sequence[int], itemsize: int = 1) -> int:
    """The number of elements, which have `itemsize` bytes each.

    Raises:
        InvalidInput: for a shape with a negative size, or of more than can be.
    """
    if len(shape) > _MOST_AXES or any(each < 0 for each in shape):
        raise InvalidInput(f"{shown}: expected a shape of sizes from 0.")
    if extent.is_hollow(shape):
        raise InvalidInput(f"{shown}: its shape is that of many lists without a value.")
    count = math.prod(shape)
    if count > _MOST:
        raise InvalidInput(
            f"{shown}: its shape causes total element count to exceed maximum size of {_MOST}."
        )
    if count * itemsize > _MOST:
        raise InvalidInput(f"byte size overflow for input '{shown}': no memory has so much.")
    return count


def unknown_datatype(shown: str, datatype: str) -> InvalidInput:
    """The message about an unknown datatype."""
    printed = printable(datatype[:LONGEST])
    known = ", ".join((*DTYPES, "BF16", "BYTES"))
    return InvalidInput(f"{shown}: there is no datatype `{printed}`; expected one of {known}.")


def _strings(at: str, count: int, data: bytes | memoryview) -> list[bytes]:
    """The values of BYTES at an input, as many as its shape has elements."""
    values, start, end = [], 0, len(data)
    while start + _LENGTH.size <= end:
        (length,) = _LENGTH.unpack_from(data, start)
        start += _LENGTH.size + length
        values.append(bytes(data[start - length : start]))
    if start != end:
        raise BadPayload(f"incomplete string for inference {at}: a value ends beyond the data.")
    if len(values) > count:
        raise BadPayload(
            f"unexpected number of string elements {len(values)} for inference {at}, "
            f"expecting {count}."
        )
    if len(values) < count:
        raise BadPayload(f"expected {count} string elements for inference {at}, got {len(values)}.")
    return values


def _halves(array: np.ndarray) -> np.ndarray:
    """The upper halves of float32, rounded to the nearest, of two as near to the even one."""
    bits = array.view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(array), (bits >> 16) | 0x40, rounded).astype("<u2")
