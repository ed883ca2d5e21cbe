"""Rows cut out of the JSON of a whole batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from modelbundle.runtime.data.payload import Codec
from modelbundle.runtime.http.encoded_rows import EncodedRows
from modelbundle.runtime.signature import OBJECTS

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
    rows = EncodedRows.of(output, nan_as_null=False)
    assert rows.body(start, stop) == Codec(OBJECTS).encode(output[start:stop]).body


def test_a_view_is_written_as_a_copy_is():
    output = np.arange(24.0).reshape(4, 6)[::2, ::3]
    rows = EncodedRows.of(output, nan_as_null=False)
    assert rows.body(1, 2) == b'{"predictions":[[12.0,15.0]]}'


def test_what_is_no_number_is_left_to_the_codec_unless_null_stands_for_it():
    output = np.array([[1.0, np.nan], [np.inf, 2.0]], "f4")
    assert EncodedRows.of(output, nan_as_null=False) is None
    assert EncodedRows.of(output, nan_as_null=True).body(0, 2) == (
        b'{"predictions":[[1.0,null],[null,2.0]]}'
    )


@pytest.mark.parametrize(
    "output",
    [
        np.array(["a", "b"]),
        np.array([1, "a"], object),
        np.array(["2026-11-21"], "M8[D]"),
        np.zeros((2, 0)),
        np.zeros((2, 0, 3)),
        np.ones(2, "c8"),
        np.ones(2, ">f4"),
        [1.0, 2.0],
        {"a": np.ones(2)},
        (np.ones(2),),
    ],
    ids=str,
)
def test_everything_else_is_left_to_the_codec(output):
    assert EncodedRows.of(output, nan_as_null=False) is None
