"""ONNX numbers: converts bfloat16, which NumPy lacks, to and from a session."""

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np

BFLOAT16 = "tensor(bfloat16)"

_CODE = 16  # BFLOAT16 in onnx.proto's TensorProto.DataType


def run(session: Any, names: list[str], feed: Mapping[str, np.ndarray]) -> list[Any]:
    """The answers of a session; what is bfloat16 in the graph is float32 here."""
    halves = {node.name for node in session.get_inputs() if node.type == BFLOAT16}
    if not halves and all(node.type != BFLOAT16 for node in session.get_outputs()):
        answers: list[Any] = session.run(names, dict(feed))
        return answers
    from onnxruntime import OrtValue

    values = {
        name: OrtValue.ortvalue_from_numpy_with_onnx_type(_halves(array), _CODE)
        if name in halves
        else OrtValue.ortvalue_from_numpy(array)
        for name, array in feed.items()
    }
    return [_read(value) for value in session.run_with_ort_values(names, values)]


def _halves(array: np.ndarray) -> np.ndarray:
    """The upper halves of float32, rounded to the nearest, of two as near to the even one."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    upper: np.ndarray = np.where(np.isnan(array), (bits >> 16) | 0x40, rounded).astype(np.uint16)
    return upper


def _read(value: Any) -> Any:
    if not value.is_tensor() or value.data_type() != BFLOAT16:
        return value.numpy()
    data = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    upper = np.frombuffer(data, np.uint16).astype(np.uint32)
    return (upper << 16).view(np.float32).reshape(value.shape())
