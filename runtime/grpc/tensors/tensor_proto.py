"""TensorProto: TensorFlow's tensors in messages, decoded and encoded.

Values stand in `tensor_content` (raw, row-major, little-endian) or in the list of their kind, where
the last one stands for all that are missing. Source: TensorFlow, `tensor.proto`.
"""

from typing import Any

import numpy as np

from ...dialects.tensors.tensor import LONGEST, Tensor, from_raw, size, to_raw
from ...errors import InvalidInput
from ...printable import printable
from ..messages.pool import pool
from . import packed

DATA_TYPES = pool().numbers("tensorflow.DataType")
SLOW = dict.fromkeys((7, 8, 10, 11, 13, 16, 17))  # lists of whole numbers, strings and halves
_MOST = 1 << 22  # values that a message may stand for beyond those that it holds

_DATATYPES = {
    "DT_FLOAT": ("FP32", "float_val", np.float32),
    "DT_DOUBLE": ("FP64", "double_val", np.float64),
    "DT_INT32": ("INT32", "int_val", np.int32),
    "DT_UINT8": ("UINT8", "int_val", np.uint8),
    "DT_INT16": ("INT16", "int_val", np.int16),
    "DT_INT8": ("INT8", "int_val", np.int8),
    "DT_STRING": ("BYTES", "string_val", np.object_),
    "DT_INT64": ("INT64", "int64_val", np.int64),
    "DT_BOOL": ("BOOL", "bool_val", np.bool_),
    "DT_BFLOAT16": ("BF16", "half_val", np.uint16),
    "DT_UINT16": ("UINT16", "int_val", np.uint16),
    "DT_HALF": ("FP16", "half_val", np.uint16),
    "DT_UINT32": ("UINT32", "uint32_val", np.uint32),
    "DT_UINT64": ("UINT64", "uint64_val", np.uint64),
}
_BY_NUMBER = {DATA_TYPES[name]: kind for name, kind in _DATATYPES.items()}
_BY_DATATYPE = {
    datatype: (DATA_TYPES[name], field, dtype)
    for name, (datatype, field, dtype) in _DATATYPES.items()
}
_HALVES = frozenset({"FP16", "BF16"})


def read(name: str, message: Any) -> Tensor:
    """The tensor in a message; raises InvalidInput when something in it is not what it says."""
    shown = printable(name[:LONGEST])
    if message.dtype not in _BY_NUMBER:
        raise InvalidInput(f"{shown}: there is no such dtype here: {message.dtype}.")
    datatype, field, dtype = _BY_NUMBER[message.dtype]
    shape = [dim.size for dim in message.tensor_shape.dim]
    if message.tensor_shape.unknown_rank:
        raise InvalidInput(f"{shown}: expected a tensor_shape of sizes from 0.")
    if message.tensor_content:
        if datatype == "BYTES":
            raise InvalidInput(f"{shown}: strings belong in string_val.")
        return from_raw(name, datatype, shape, message.tensor_content)
    values = getattr(message, field)
    missing = _missing(shown, shape, len(values))
    if datatype == "BYTES":
        strings = packed.listed(values)
        return Tensor(name, datatype, shape, strings + strings[-1:] * missing)
    try:
        array = packed.read(message, field, np.dtype(dtype))
    except OverflowError:
        raise InvalidInput(f"{shown}: a value is beyond what {datatype} holds.") from None
    if missing:
        array = np.concatenate([array, np.repeat(array[-1:], missing)])
    if datatype in _HALVES:  # the bits of each, as a number
        return from_raw(name, datatype, shape, array.tobytes())
    return Tensor(name, datatype, shape, array.reshape(shape))


def _missing(shown: str, shape: list[int], got: int) -> int:
    """How many values the last one stands for, besides itself."""
    wanted = size(shown, shape)
    missing = wanted - got
    if missing < 0 or (missing and not got):
        raise InvalidInput(f"{shown}: expected {wanted} values for the shape {shape}, got {got}.")
    if missing > _MOST:
        raise InvalidInput(f"{shown}: the shape {shape} is too large for a message.")
    return missing


def write(message: Any, tensor: Tensor) -> None:
    """Put a tensor into a message, in the list of its kind: not every client reads the other."""
    message.dtype, field, dtype = _BY_DATATYPE[tensor.datatype]
    for each in tensor.shape:
        message.tensor_shape.dim.add(size=each)
    if tensor.datatype == "BYTES":
        message.string_val.extend(tensor.data)
        return
    if tensor.datatype in _HALVES:
        values: np.ndarray = np.frombuffer(to_raw(tensor), dtype)
    else:
        values = np.asarray(tensor.data).ravel()
    packed.write(message, field, values)
