"""Arrays of other libraries: told by what they can do, for none of them has to be there."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import sparse

from modelbundle.runtime.data.rows.foreign_array import as_numpy

ROWS = np.array([[1.5, 2.0], [3.0, 4.0]], np.float32)


class Eager:
    """As TensorFlow's and JAX's arrays are."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


@pytest.mark.parametrize(
    "foreign",
    [
        torch.as_tensor(ROWS),
        torch.as_tensor(ROWS).requires_grad_(),
        torch.as_tensor(ROWS).bfloat16(),
        sparse.csr_matrix(ROWS),
        Eager(ROWS),
    ],
)
def test_they_become_numpys(foreign):
    found = as_numpy(foreign)
    assert found.dtype == np.float32
    assert (found == ROWS).all()


@pytest.mark.parametrize(
    "other",
    [ROWS, ROWS[0, 0], "text", [1], Image.new("L", (2, 2)), Eager(np.array([None])), None],
)
def test_what_is_none_is_left_alone(other):
    assert as_numpy(other) is None
