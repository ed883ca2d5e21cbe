"""Numbers that stand in JSON: what is none, or fits its datatype no more, is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelbundle.runtime.data.rows import column
from modelbundle.runtime.data.rows.schema import scalar
from modelbundle.runtime.dialects.tensors.batch import to_batch
from modelbundle.runtime.dialects.tensors.tensor import DTYPES
from modelbundle.runtime.dialects.v2.inference import json_data
from modelbundle.runtime.dialects.v2.inference.number_list import NumberList
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


@pytest.mark.parametrize("data", [[10**20, -1], [0.5, -(10**20)], [None, 10**20]])
def test_a_float_may_be_spelled_as_a_long_whole_number(data):
    """JavaScript spells 1e20 so."""
    expected = np.array(data, np.float64)
    found = json_data.read("x", "FP64", [2], data, is_base64=False).data
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(json_data.read("x", "FP32", [2], data, is_base64=False).data, found)
    for wrong in ([10**400, 1], [10**39, 1], [10**20, True]):
        with pytest.raises(InvalidInput):
            json_data.read("x", "FP32", [2], wrong, is_base64=False)


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


SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)


@given(st.data(), st.sampled_from(sorted(DTYPES.keys() - {"FP16"})), SHAPES)
def test_numbers_nested_or_flat_are_the_same(drawn, datatype, shape):
    """Of each datatype, up to its limits."""
    if 0 in shape:
        shape = (0,)  # others are hollow, or not
    finite = {"allow_nan": False, "allow_infinity": False}
    elements = finite if datatype.startswith("FP") else None
    array = drawn.draw(arrays.arrays(DTYPES[datatype], shape, elements=elements))
    for data in (array.tolist() if array.ndim else [array.item()], array.ravel().tolist()):
        tensor = json_data.read("x", datatype, list(shape), data, is_base64=False)
        assert tensor.data.dtype == array.dtype
        np.testing.assert_array_equal(tensor.data, array)


@pytest.mark.parametrize(
    ("datatype", "shape", "data"),
    [
        ("INT8", [1], [128]),
        ("INT8", [2], [-129, 1]),
        ("UINT8", [2], [1, -1]),
        ("INT64", [1], [1 << 63]),
        ("UINT64", [1], [1 << 64]),
        ("UINT64", [2], [1 << 63, -1]),
        ("UINT64", [2], [1 << 63, 0.5]),
        ("INT64", [1], [0.5]),
        ("INT64", [1], ["1"]),
        ("BOOL", [1], [1]),
        ("FP64", [2], [1]),
        ("FP64", [0], [1]),
        ("FP64", [1], []),
        ("FP64", [1], None),
        ("FP64", [1], "1"),
        ("FP64", [1, 1 << 40], [1]),
        ("FP64", [-1], [1]),
        ("BYTES", [2], ["a"]),
        ("BYTES", [0], ["a"]),
        ("BYTES", [2], ["a", 1]),
        ("BYTES", [2], [1, "a"]),
        ("BYTES", [1], [None]),
        ("BYTES", [1], None),
        ("BYTES", [2], "ab"),
        ("BYTES", [1], ["\ud800"]),
        ("FP16", [1], [1]),
        ("nothing", [1], [1]),
    ],
)
def test_what_is_not_of_its_datatype_and_shape_is_refused(datatype, shape, data):
    with pytest.raises(InvalidInput, match=r"^x\\n: "):
        json_data.read("x\n", datatype, shape, data, is_base64=False)


def test_texts_are_their_bytes():
    """One may stand alone, and none need not stand at all."""

    def read(shape, data, *, is_base64=False):
        return json_data.read("x", "BYTES", shape, data, is_base64=is_base64).data

    assert read([2, 1], [["a"], ["ö"]]) == [b"a", "ö".encode()]
    assert read([1], "ab") == [b"ab"]
    assert read([0], None) == read([0], []) == []
    assert read([1], ["/w=="], is_base64=True) == [b"\xff"]
    for wrong in ("/w=", "!/w==", "ö"):
        with pytest.raises(InvalidInput, match="expected base64"):
            read([1], [wrong], is_base64=True)


def test_numbers_that_were_cut_out_are_as_many_as_their_shape_says():
    numbers = NumberList(b"[1,2,3]")
    assert json_data.read("x", "FP32", [3, 1], numbers, is_base64=False).data.tolist() == [
        [1.0],
        [2.0],
        [3.0],
    ]
    for shape in ([2], [4], [0], [1 << 40]):
        with pytest.raises(InvalidInput, match=r"^x\\n: expected \d+ values .* got 3"):
            json_data.read("x\n", "FP32", shape, numbers, is_base64=False)
