"""Converts arrays of libraries that may not be installed to NumPy's."""

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
    array = np.asarray(value)
    if array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    return array if array.dtype.kind in _KINDS else None
