"""Rows cut out of the JSON of a whole batch."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from modelbundle.runtime.data.payload import Codec
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.data.rows.fragments import Fragments, Unfit
from modelbundle.runtime.http.fast.requests.encoded_rows import encoded_rows
from modelbundle.runtime.manifests.signature import OBJECTS

DTYPES = st.sampled_from(["f2", "f4", "f8", "i1", "i4", "i8", "u1", "u8", "bool"])


@given(
    hnp.arrays(
        DTYPES,
        hnp.array_shapes(min_dims=1, max_dims=4, max_side=5),
        elements={"allow_nan": False, "allow_infinity": False},
    ),
    st.data(),
)
def test_rows_of_a_batch_are_written_as_they_are_alone(output, data):
    start = data.draw(st.integers(0, len(output) - 1))
    stop = data.draw(st.integers(start + 1, len(output)))
    rows = encoded_rows(output, nan_as_null=False)
    assert rows.body(start, stop) == Codec(OBJECTS).encode(output[start:stop]).body


def test_a_view_is_written_as_a_copy_is():
    output = np.arange(24.0).reshape(4, 6)[::2, ::3]
    rows = encoded_rows(output, nan_as_null=False)
    assert rows.body(1, 2) == b'{"predictions":[[12.0,15.0]]}'


def test_what_is_no_number_is_left_to_the_codec_unless_null_stands_for_it():
    output = np.array([[1.0, np.nan], [np.inf, 2.0]], "f4")
    assert encoded_rows(output, nan_as_null=False) is None
    assert encoded_rows(output, nan_as_null=True).body(0, 2) == (
        b'{"predictions":[[1.0,null],[null,2.0]]}'
    )


@pytest.mark.parametrize(
    "output",
    [
        np.array(["a", "b", 'c"]['], "U3"),
        np.array([1, "a", None], object),
        np.array(["2026-11-21", "NaT", "2026-11-23"], "M8[D]"),
        np.ones(3, ">f4"),
        [1.0, [2.0], {"a": "]},{["}],
        {"a": np.ones(3), "b": np.array(["x", "y", "z"])},
        (np.ones(3), np.zeros((3, 2))),
        Fragments.of(b'"a","b",[1],', [4, 8, 12], []),
        {"a": Fragments.of(b'"a","b",[1],', [4, 8, 12], []), "b": np.ones(3)},
    ],
    ids=repr,
)
@pytest.mark.parametrize("bounds", [(0, 1), (1, 3), (0, 3)])
def test_all_other_rows_are_written_as_they_are_alone(output, bounds):
    codec = Codec(OBJECTS, nan_as_null=True)
    rows = encoded_rows(output, nan_as_null=True)
    assert rows.body(*bounds) == codec.encode(table.slice(output, *bounds)).body


@pytest.mark.parametrize(
    "output",
    [
        np.zeros((2, 0)),
        np.zeros((2, 0, 3)),
        np.ones(2, "c8"),
        np.array([1.0, np.nan]),
        np.array([1.0, np.inf], object),
        [1.0, float("nan")],
        [object()],
        ["a", "half a pair: \ud800"],
        np.array(["a", "\ud800"]),
        {"a": np.ones(2), "b": np.ones(3)},
        Fragments.of(b'"a",null,', [4, 9], [(1, "is not a finite number.", "", True)]),
        Unfit("The model answered with one value."),
    ],
    ids=lambda output: re.sub(" at 0x[0-9a-f]+", "", repr(output)),
)
def test_where_a_row_is_wrong_each_is_read_alone(output):
    assert encoded_rows(output, nan_as_null=False) is None
