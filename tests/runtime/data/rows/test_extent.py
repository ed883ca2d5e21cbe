"""What cannot be so many rows is not parsed."""

import json

import pytest

from modelbundle.runtime.data.payload import Codec
from modelbundle.runtime.data.rows import extent
from modelbundle.runtime.errors import PayloadTooLarge
from modelbundle.runtime.manifests.signature import OBJECTS, Field, Side

IMAGES = Side("array", (Field("x", "float32", (None, 3, 4, 5)),))
TENSORS = Side("tensors", (Field("x", "float32", (None, 2, 3)), Field("m", "int64", (None,))))
PEOPLE = Side("columns", (Field("a", "float64", (None,)), Field("s", "str", (None,))))
ANY = Side("array", (Field("x", "float64", (None, None)),))

IMAGE = [[[0.5] * 5] * 4] * 3
TENSOR = {"x": [[1, 2, 3], [4, 5, 6]], "m": 7}


def body(row, rows, padding=1 << 20):
    """So many rows, in more bytes than are looked at."""
    return json.dumps({"instances": [row] * rows}).encode() + b" " * padding


@pytest.mark.parametrize(("side", "row"), [(IMAGES, IMAGE), (TENSORS, TENSOR)])
def test_as_many_rows_as_are_taken_pass_and_one_more_does_not(side, row):
    extent.check(side, 10, body(row, 10))
    assert len(Codec(side, 10).decode(body(row, 10), "")) > 0
    with pytest.raises(PayloadTooLarge, match="more lists and objects than 10 rows"):
        extent.check(side, 10, body(row, 11))


def test_small_bodies_are_left_to_the_parser():
    extent.check(IMAGES, 1, body(IMAGE, 100, padding=0))


@pytest.mark.parametrize("side", [PEOPLE, ANY, OBJECTS])
def test_where_a_row_may_have_any_number_of_them_nothing_is_refused(side):
    extent.check(side, 1, body("[[[[{{{{", 1000))


@pytest.mark.parametrize(
    ("shape", "is_hollow"),
    [
        ((0,), False),
        ((3, 0), False),
        ((0, 3, 224, 224), False),
        ((2**30, 0), True),
        ((1, 2**30, 0), True),
        ((0, 2**62, 2**62), True),
        ((2**63, 0), True),
        ((2**30, 2**30), False),
        ((), False),
    ],
)
def test_an_array_without_values_may_be_too_many_lists(shape, is_hollow):
    """None of them takes a byte on its way, and each some seventy of memory here."""
    assert extent.is_hollow(shape) is is_hollow
