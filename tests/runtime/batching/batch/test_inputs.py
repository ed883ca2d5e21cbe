"""The rows that a model is given, of requests that were decoded together and of others."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.batching.batch.batch import Batch, Piece
from modelbundle.runtime.batching.policy.cost import CostModel
from modelbundle.runtime.batching.policy.window import Limits, Window
from modelbundle.runtime.batching.request import Request
from modelbundle.runtime.data.rows import table

WINDOW = Window(Limits(), CostModel())


def together(sizes, begin=0):
    """Requests with so many rows each, which are all in one batch, and these rows."""
    batch = np.arange(begin, begin + sum(sizes))
    requests, first = [], 0
    for size in sizes:
        request = Request(batch, size)
        request.first = first
        requests.append(request)
        first += size
    return [(each, batch[each.first : each.first + each.rows]) for each in requests]


def alone(size, begin):
    rows = np.arange(begin, begin + size)
    return [(Request(rows, size), rows)]


def given_to_model(pieces):
    inputs = Batch.of(WINDOW, "idle", pieces).inputs(table)
    return inputs, table.concat(inputs)


@given(st.data())
def test_each_row_once_and_in_order(data):
    requests = []
    for number in range(data.draw(st.integers(1, 4))):
        sizes = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
        is_shared = data.draw(st.booleans())
        requests += together(sizes, 100 * number) if is_shared else alone(sizes[0], 100 * number)
    kept = data.draw(st.lists(st.sampled_from(requests), min_size=1, unique_by=id))
    pieces, expected = [], []
    for request, rows in data.draw(st.sampled_from([kept, requests])):
        start = data.draw(st.integers(0, request.rows - 1)) if data.draw(st.booleans()) else 0
        pieces.append(Piece(request, start, request.rows))
        expected.append(rows[start:])

    _, batch = given_to_model(pieces)

    assert batch.tolist() == np.concatenate(expected).tolist()


def test_rows_that_lie_one_behind_the_other_are_not_cut_up():
    requests = together([1, 2, 1, 1])
    others = together([1, 1], 50)
    inputs, _ = given_to_model([Piece(each, 0, each.rows) for each, _ in requests + others])
    assert [each.tolist() for each in inputs] == [[0, 1, 2, 3, 4], [50, 51]]


def test_a_model_that_changes_its_rows_does_not_change_those_of_the_next_try():
    requests = together([1, 1, 1])
    _, batch = given_to_model([Piece(each, 0, 1) for each, _ in requests])
    batch[:] = -1
    for request, rows in requests:
        _, again = given_to_model([Piece(request, 0, 1)])
        assert again.tolist() == rows.tolist()
        assert rows[0] >= 0
