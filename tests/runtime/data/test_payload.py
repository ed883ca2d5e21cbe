"""Bodies to batches and answers to bodies."""

import io
import json

import numpy as np
import pytest

from modelbundle.runtime.data.media import CSV, JSON, NPY
from modelbundle.runtime.data.payload import Codec
from modelbundle.runtime.errors import (
    InvalidInput,
    PayloadTooLarge,
    PredictionFailed,
    UnsupportedMediaType,
)
from modelbundle.runtime.manifests.signature import OBJECTS, Field, Side

from .bodies import npy

CODEC = Codec(Side("array", (Field("x", "float32", (None, 2)),)), max_rows=3)
ROWS = np.array([[1, 2], [3, 4]], dtype="float32")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"instances": [[1, 2], [3, 4]]}', "application/json"),
        (b'{"instances": [[1, 2], [3, 4]]}', ""),
        (b'{"instances": [[1, 2], [3, 4]]}', "Application/JSON; charset=utf-8"),
        (npy(ROWS), "application/x-npy"),
        (npy(ROWS.astype(">f8")), "application/npy"),
        (b"1,2\n3,4\n", "text/csv; header=absent"),
    ],
)
def test_the_same_rows_by_every_content_type(body, content_type):
    batch = CODEC.decode(body, content_type)
    assert batch.dtype == "float32"
    np.testing.assert_array_equal(batch, ROWS)


def test_another_content_type_is_refused_with_what_is_taken():
    with pytest.raises(UnsupportedMediaType, match=r"`text/html`; send one of `application/json`"):
        CODEC.decode(b"", "text/html")


def test_csv_needs_a_signature():
    with pytest.raises(UnsupportedMediaType):
        Codec(OBJECTS).decode(b"1", "text/csv")


@pytest.mark.parametrize(
    "body", [(json.dumps({"instances": [[1, 2]] * 4}).encode(), ""), (npy(np.ones((4, 2))), NPY)]
)
def test_too_many_rows_are_refused_before_they_are_converted(body):
    with pytest.raises(PayloadTooLarge, match="4 rows; this server takes up to 3"):
        CODEC.decode(*body)


def test_one_npy_value_is_no_rows():
    with pytest.raises(InvalidInput):
        CODEC.decode(npy(np.float32(1)), NPY)


def test_free_objects_are_not_nested_beyond_reason():
    with pytest.raises(InvalidInput, match="nested"):
        Codec(OBJECTS).decode(b'{"instances": [' + b"[" * 100 + b"]" * 100 + b"]}", "")


def test_the_answer_is_json_unless_npy_is_asked_for_first():
    assert CODEC.encode(ROWS).body == b'{"predictions":[[1.0,2.0],[3.0,4.0]]}'
    assert CODEC.encode(ROWS, "application/json, application/x-npy").content_type.endswith("json")
    answer = CODEC.encode(ROWS, "application/x-npy, */*")
    assert answer.content_type == NPY
    np.testing.assert_array_equal(np.load(io.BytesIO(answer.body)), ROWS)


def test_what_has_no_npy_is_answered_as_json():
    assert CODEC.encode(["a"], NPY).body == b'{"predictions":["a"]}'


def test_nan_is_an_error_unless_null_stands_for_it():
    with pytest.raises(PredictionFailed, match=r"predictions\[0\] is not a finite number"):
        CODEC.encode(np.array([np.nan]))
    assert Codec(OBJECTS, nan_as_null=True).encode(np.array([np.nan])).body == (
        b'{"predictions":[null]}'
    )


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, {"ids": [1, 2**70]}])
@pytest.mark.parametrize("side", [OBJECTS, Side("array", (Field("x", "object", (None,)),))])
def test_what_no_process_could_hand_on_exactly_is_refused(side, value):
    """Whole numbers beyond 64 bits arrived as the nearest float."""
    codec = Codec(side)
    body = json.dumps({"instances": [2**64 - 1, -(2**63), value]}).encode()
    place = r"instances\[2\]" + (r"\.ids\[1\]" if isinstance(value, dict) else "")
    with pytest.raises(InvalidInput, match=f"{place}: expected a whole number of up to 64 bits"):
        codec.decode(body, "application/json")
    assert list(codec.decode(b'{"instances": [18446744073709551615]}', JSON)) == [2**64 - 1]


def test_a_float_may_be_spelled_as_a_long_whole_number():
    """As JavaScript spells 1e20."""
    side = Side("columns", (Field("x", "float64", (None,)), Field("y", "float32", (None,))))
    body = b'{"instances": [{"x": 100000000000000000000, "y": 100000000000000000000}]}'
    columns = Codec(side).decode(body, JSON)
    assert [columns["x"].tolist(), columns["y"].tolist()] == [[1e20], [float(np.float32(1e20))]]


@pytest.mark.parametrize(("dtype", "value"), [("int64", -(2**63) - 1), ("uint64", 2**64)])
def test_a_whole_number_that_a_column_cannot_hold_does_not_become_its_neighbor(dtype, value):
    """The nearest float of it is one that the column can hold."""
    side = Side("columns", (Field("x", dtype, (None,)),))
    with pytest.raises(InvalidInput, match=f"expected a whole number from .*, got {value}"):
        Codec(side).decode(json.dumps({"instances": [{"x": value}]}).encode(), JSON)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"instances": [[-1.0], [2.0]]}', JSON),
        (b'{"instances": [[-1], [2.0]]}', JSON),
        (b"-1e0\n2\n", CSV),
    ],
)
def test_a_number_below_0_does_not_become_a_large_one_of_a_field_without_them(body, kind):
    """As floats: numpy counts from the other end."""
    codec = Codec(Side("array", (Field("x", "uint64", (None, 1)),)))
    with pytest.raises(
        InvalidInput, match="expected a whole number from 0 to 18446744073709551615, got -1"
    ):
        codec.decode(body, kind)
    assert codec.decode(b'{"instances": [[9007199254740992.0], [0]]}', JSON).tolist() == [
        [2**53],
        [0],
    ]


@pytest.mark.parametrize(
    ("side", "row", "place"),
    [
        (Side("columns", (Field("any", "object", (None,)),)), b'{"any": %b}', "instances.any"),
        (Side("array", (Field("x", "object", (None, 2)),)), b"[1, %b]", "instances"),
    ],
)
def test_any_values_of_a_column_are_nested_no_deeper_than_whole_rows_of_them(side, row, place):
    """No process could hand them on, and whoever looked at each level would run out of stack."""
    codec = Codec(side)
    assert len(codec.decode(b'{"instances": [%b]}' % (row % (b"[" * 60 + b"]" * 60)), JSON)) == 1
    for depth in (70, 300, 1000):
        body = b'{"instances": [%b]}' % (row % (b"[" * depth + b"]" * depth))
        with pytest.raises(InvalidInput, match=f"^{place}: nested more than 64 levels deep"):
            codec.decode(body, JSON)


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 2**53, 2**53 + 2, 2**63 - 1])
def test_a_whole_number_is_what_it_is_beside_any_floats(number):
    """Which may be another client's; 2**53 is what the next number is as a float."""
    codec = Codec(Side("array", (Field("x", "int64", (None, 1)),)))
    body = json.dumps({"instances": [[number], [3.0]]}).encode()
    assert codec.decode(body, JSON).tolist() == [[number], [3]]
