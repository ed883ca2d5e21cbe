"""Converts arrays of libraries that may not be installed, and rare ones of NumPy, to plain ones."""

from typing import Any

import numpy as np

_KINDS = "biufUSM"


def as_numpy(value: Any) -> np.ndarray | None:
    """A tensor of PyTorch, TensorFlow or JAX, or a sparse matrix, as an ndarray; None for others.

    NumPy has no bfloat16, so that becomes float32. Tables and pictures stay what they are.
    """
    if isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "to_numpy"):
        return None
    if hasattr(value, "detach"):
        plain = value.detach().cpu()
        plain = plain.float() if str(plain.dtype) == "torch.bfloat16" else plain
        tensor: np.ndarray = plain.numpy()
        return tensor
    if hasattr(value, "toarray"):
        dense: np.ndarray = value.toarray()
        return dense
    if not hasattr(value, "__array__") or type(value).__module__.partition(".")[0] == "PIL":
        return None
    array = native(np.asarray(value))
    return array if array.dtype.kind in _KINDS else None


def native(array: np.ndarray) -> np.ndarray:
    """An array without a mask, NaN or None in its place, and of a dtype that NumPy itself has."""
    if array.dtype.kind == "V" and "float" in array.dtype.name:  # of `ml_dtypes`: 8 and 16 bits
        array = array.astype(np.float32)
    if type(array) is np.ndarray or not isinstance(array, np.ma.MaskedArray):
        return array  # before `np.ma` is looked up, which takes 50 ms to be imported
    if array.dtype.kind == "f":
        filled: np.ndarray = array.filled(np.nan)
        return filled
    if not np.ma.is_masked(array):
        bare: np.ndarray = array.data
        return bare
    gaps: np.ndarray = array.data.astype(object)
    gaps[np.ma.getmaskarray(array)] = None
    return gaps
