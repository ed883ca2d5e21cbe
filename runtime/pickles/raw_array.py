"""Raw array: the size of the array bytes that joblib puts between the opcodes of a pickle.

If the analysis skipped more or fewer bytes than joblib reads, opcodes could be hidden from it. So a
state is read exactly as joblib and numpy read it, and states that they never write are refused.
"""

from typing import IO, Any

from . import dtype_state

NAME = "joblib.numpy_pickle.NumpyArrayWrapper"
MADE_BY = frozenset(f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core"))
"""What makes an array of objects, in a pickle of its own."""
_STATE = frozenset(
    {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
)
_PADDING = "numpy_array_alignment_bytes"


def size(state: Any, file: IO[bytes]) -> int | None:
    """Bytes of the array that begins here, after its padding; None if it is a nested pickle.

    Raises:
        ValueError, AttributeError, KeyError, TypeError: for a state that joblib does not write.
    """
    if not isinstance(state, dict) or not _STATE.issuperset(state):
        raise ValueError("an array with more than it has")
    dtype, shape, padding = state["dtype"], state["shape"], state.get(_PADDING)
    if dtype_state.holds_objects(dtype):
        return None
    if not dtype_state.is_shape(shape):
        raise ValueError("an array without a shape")
    if padding is not None and type(padding) is not int:
        raise ValueError("an array with unknown padding")
    total = dtype_state.size(dtype)
    for length in shape:
        total *= length
    if padding is not None:
        padded = file.read(1)
        total += padded[0] if padded else 0
    return total
