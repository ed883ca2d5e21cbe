"""Batches filled up to the sizes that compiled code knows, and cut again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.models.size_buckets import SizeBuckets, repeated


@given(most=st.integers(1, 300), rows=st.integers(1, 400))
def test_every_batch_up_to_the_largest_has_a_rung_less_than_twice_its_size(most, rows):
    size = SizeBuckets(most).size(rows)
    assert size >= rows
    if rows > most:
        assert size == rows
    else:
        assert size <= most
        assert size < 2 * rows or size == 1


def test_rungs_are_powers_of_two_and_the_largest_batch():
    assert SizeBuckets(1).sizes == (1,)
    assert SizeBuckets(8).sizes == (1, 2, 4, 8)
    assert SizeBuckets(12).sizes == (1, 2, 4, 8, 12)


@given(rows=st.integers(1, 40), most=st.integers(1, 32))
def test_rows_are_answered_as_without_a_ladder(rows, most):
    seen = []

    def double(batch):
        seen.append(len(batch))
        return batch * 2

    batch = np.arange(rows * 3.0).reshape(rows, 3)
    buckets = SizeBuckets(most)
    assert np.array_equal(buckets.call(double, batch), batch * 2)
    assert seen == [buckets.size(rows)]


@pytest.mark.parametrize(
    "batch", [{"a": np.arange(3), "b": np.ones((3, 2))}, [1, "x", None], np.arange(3)]
)
def test_every_layout_is_filled_with_its_last_row(batch):
    filled = repeated(batch, 5)
    buckets = SizeBuckets(8)
    answer = buckets.call(lambda rows: rows, batch)
    if isinstance(batch, dict):
        assert filled["a"].tolist() == [0, 1, 2, 2, 2]
        assert answer["b"].shape == (3, 2)
    else:
        assert list(filled) == [*batch, *[batch[-1]] * 2]
        assert list(answer) == list(batch)


def test_no_rows_are_no_reason_to_ask_for_more():
    assert SizeBuckets(4).call(len, np.ones((0, 2))) == 0
