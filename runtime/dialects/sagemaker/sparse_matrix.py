"""Sparse matrix: what `scipy.sparse.save_npz` writes, and SageMaker's SparseMatrixSerializer sends.

Source: SciPy's `save_npz`: the arrays `format`, `shape` and `data`, and where the data stand. What
is not told is 0, as it is in such a matrix.
"""

from collections.abc import Mapping

import numpy as np

from ...data import media
from ...data.codecs import npz
from ...data.payload import Codec
from ...errors import BadPayload, InvalidInput
from . import features

_MARK = b"format.npy"  # in the directory of the zip
_NAMES = frozenset({"format", "shape", "data"})
_MATRIX = 2


def is_meant(content_type: str, body: bytes) -> bool:
    """Whether a body of this type is of this format; other arrays have names of their own."""
    return media.essence(content_type) == media.NPZ and _MARK in body and b"shape.npy" in body


def read(codec: Codec, body: bytes) -> np.ndarray:
    """Parse the rows of a body; returns float64.

    Raises:
        InvalidInput, BadPayload, PayloadTooLarge: when the model cannot take them.
    """
    arrays = npz.loads(body, codec.max_bytes)
    if not arrays.keys() >= _NAMES or arrays["data"].dtype.kind not in "biuf":
        raise BadPayload("The body is not a sparse matrix of numbers as SciPy writes it.")
    rows, width = _shape(arrays["shape"])
    wanted = features.width(codec.inputs)
    if width != wanted:
        raise InvalidInput(f"instances: the model has {wanted} features, got {width}.")
    array = features.blank(codec, rows, len(body), 0.0)
    row, column = _places(arrays, rows, width)
    data = arrays["data"]
    if not data.ndim == row.ndim == column.ndim == 1 or not len(data) == len(row) == len(column):
        raise BadPayload("The sparse matrix lacks a row or a column for some values.")
    if not (_is_below(row, rows) and _is_below(column, width)):
        raise BadPayload("A value of the sparse matrix is outside of its shape.")
    np.add.at(array, (row, column), data)  # SciPy adds up what stands twice
    return array


def _shape(shape: np.ndarray) -> tuple[int, int]:
    sizes = shape.tolist() if shape.dtype.kind in "iu" and shape.shape == (_MATRIX,) else [-1]
    if min(sizes) < 0:
        raise BadPayload("The sparse matrix has no shape of two sizes.")
    return sizes[0], sizes[1]


def _places(
    arrays: Mapping[str, np.ndarray], rows: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """The row and the column of each value."""
    form = arrays["format"].tobytes().rstrip(b"\0")
    if form == b"coo":
        return _whole(arrays, "row"), _whole(arrays, "col")
    if form == b"csr":
        return _runs(arrays, rows), _whole(arrays, "indices")
    if form == b"csc":
        return _whole(arrays, "indices"), _runs(arrays, width)
    shown = form[:8].decode("latin-1")
    raise BadPayload(f"Send the sparse matrix as `csr`, `csc` or `coo`, not as `{shown}`.")


def _runs(arrays: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    """The row (`csr`) or column (`csc`) of each value: those of one stand together, in order."""
    starts = _whole(arrays, "indptr")
    # Compared, not subtracted: differences of huge numbers wrap around, and counts of places that
    # add up to few because of that would be written beyond them.
    if len(starts) != count + 1 or starts[0] != 0 or (starts[1:] < starts[:-1]).any():
        raise BadPayload("The sparse matrix does not say where its rows or columns begin.")
    if starts[-1] != arrays["data"].size:
        raise BadPayload("The sparse matrix has another number of values than its rows or columns.")
    return np.repeat(np.arange(count), np.diff(starts))


def _whole(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    found = arrays.get(name)
    if found is None or found.dtype.kind not in "iu" or found.ndim != 1:
        raise BadPayload(f"The sparse matrix has no whole numbers called `{name}`.")
    return found.astype(np.int64)


def _is_below(numbers: np.ndarray, limit: int) -> bool:
    return not len(numbers) or bool(numbers.min() >= 0 and numbers.max() < limit)
