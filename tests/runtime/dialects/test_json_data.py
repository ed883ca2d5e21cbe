"""Numbers that stand in JSON: what is none, or fits its datatype no more, is refused."""

import numpy as np
import pytest

from modelbundle.runtime.data.rows import column
from modelbundle.runtime.data.rows.schema import scalar
from modelbundle.runtime.dialects.tensors.batch import to_batch
from modelbundle.runtime.dialects.v2 import json_data
from modelbundle.runtime.errors import InvalidInput
from modelbundle.runtime.manifests.signature import Field, Side


@pytest.mark.parametrize("data", [[False, 0.5], [[True], [2]], [1e39, 0.0]])
def test_no_boolean_is_a_number_and_no_number_is_too_large(data):
    """NumPy would make 0.0 of false, and infinity of 1e39."""
    with pytest.raises(InvalidInput):
        json_data.read("x", "FP32", [2, 1], data, is_base64=False)


def test_zeros_and_ones_are_numbers():
    tensor = json_data.read("x", "FP32", [2, 1], [[0], [1.0]], is_base64=False)
    assert tensor.data.tolist() == [[0.0], [1.0]]


def test_a_missing_number_is_taken_where_one_too_large_is_not():
    field = Field("x", "float32", (None,), is_nullable=True)
    assert np.isnan(column.to_array(field, [None, 1.0], null=True)[0])
    with pytest.raises(InvalidInput):
        column.to_array(field, [None, 1e39], null=True)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_limits_are_where_rounding_ends(dtype):
    """What the schema excludes is infinite, what stands before it is not."""
    beyond = scalar(dtype)["exclusiveMaximum"]
    with np.errstate(over="ignore"):
        assert np.isinf(np.array(beyond).astype(dtype))
        assert np.isfinite(np.array(np.nextafter(beyond, 0)).astype(dtype))


def test_a_text_among_numbers_takes_no_room_for_each_of_them():
    """NumPy would make texts of all, as long as the longest: four terabytes of these."""
    data = ["x" * (1 << 20), *([1] * (1 << 20))]
    with pytest.raises(InvalidInput, match="expected numbers"):
        json_data.read("x", "FP64", [len(data)], data, is_base64=False)


@pytest.mark.parametrize("data", [[[1], [2, 3]], [[1], 2], [[[1]], [2]], [None, [1]]])
def test_lists_of_different_lengths_are_told_so(data):
    with pytest.raises(InvalidInput, match="differ in their lengths"):
        json_data.read("x", "FP64", [2, 1], data, is_base64=False)


@pytest.mark.parametrize("data", [[None, 1.5, 2], [[None], [1.5], [2]]])
def test_null_among_numbers_is_a_missing_one(data):
    """NaN has no JSON, so that there was no way to say it."""
    tensor = json_data.read("x", "FP64", [3, 1], data, is_base64=False)
    np.testing.assert_array_equal(tensor.data, [[np.nan], [1.5], [2.0]])
    assert np.isnan(json_data.read("x", "FP32", [1], [None], is_base64=False).data).all()
    side = Side("array", (Field("x", "float64", (None, 1), is_nullable=True),))
    np.testing.assert_array_equal(to_batch(side, [tensor]), tensor.data)
    with pytest.raises(InvalidInput, match=r"x\[0\]\[0\]"):
        to_batch(Side("array", (Field("x", "float64", (None, 1)),)), [tensor])


@pytest.mark.parametrize(
    ("datatype", "data"),
    [("INT64", [None, 1]), ("BOOL", [None, True]), ("FP64", [None, True]), ("FP32", [None, 1e39])],
)
def test_null_is_nothing_else(datatype, data):
    with pytest.raises(InvalidInput):
        json_data.read("x", datatype, [2], data, is_base64=False)
