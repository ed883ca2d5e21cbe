"""Rows of any JSON as one array, unless their texts would fill the memory."""

import numpy as np
import pytest

from modelbundle.runtime.data import tabular
from modelbundle.runtime.data.rows.stacking import stacked, texts
from modelbundle.runtime.dialects.tensors.output import from_output
from modelbundle.runtime.manifests.signature import Signature

LONG = "x" * (1 << 20)
MANY = 1 << 20  # beside it: four terabytes, if each took as much room


@pytest.mark.parametrize(
    "rows", [[], [[]], [1, 2.5], [[1, 2], [3, 4]], ["a", "bc"], [["a", 1]], [{"a": 1}], [None, 1]]
)
def test_rows_are_what_numpy_makes_of_them(rows):
    made, wanted = stacked(rows), np.asarray(rows)
    assert (made.dtype, made.shape, made.tolist()) == (wanted.dtype, wanted.shape, wanted.tolist())


def test_rows_that_differ_are_refused():
    with pytest.raises(ValueError, match="inhomogeneous"):
        stacked([["a"], ["b", "c"]])


@pytest.mark.parametrize("rest", ["a", 1])
def test_a_long_text_among_many_values_takes_no_room_for_each_of_them(rest):
    made = stacked([LONG, *([rest] * MANY)])
    assert made.dtype == object
    assert (made[0], made[-1]) == (LONG, rest)


def test_outputs_with_a_long_text_are_told_in_another_form():
    assert texts([LONG, *("a" * MANY)]) is None
    assert tabular.write([LONG, *("a" * MANY)], tabular.media.NPZ, nan_as_null=False) is None
    (tensor,) = from_output(Signature(), [[LONG, 1], *([[1, 1]] * (MANY >> 6))])
    assert tensor.datatype == "BYTES"
