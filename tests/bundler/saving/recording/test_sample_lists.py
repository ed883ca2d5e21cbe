"""Lists of a JSON file: an array for a function of arrays, and what they are for any other."""

import pytest

from modelbundle.bundler.errors import SampleMismatch
from modelbundle.runtime.manifests.signature import OBJECTS

from .saved_model import answer, saved


def of_text(model, rows):
    """What is recorded where the sample is a JSON file."""
    from modelbundle.bundler.saving.recording import recording
    from modelbundle.runtime.frameworks.generic import Generic

    return recording.record(Generic(), model, recording.Text(rows), (), {})[0]


def test_numbers_in_a_json_file_are_an_array_for_a_function_of_arrays():
    recorded = of_text(lambda rows: rows.sum(axis=1), [[1, 2], [3, 4]])
    (field,) = recorded.signature.inputs.fields
    assert (field.dtype, field.shape) == ("float64", (None, 2))
    assert recorded.samples.outputs == [3.0, 7.0]
    assert recorded.signature.batchable


def test_they_stay_a_list_for_a_function_of_lists():
    recorded = of_text(lambda rows: [row + [0] for row in rows], [[1, 2], [3, 4]])  # noqa: RUF005  not so for arrays
    assert recorded.signature.inputs == OBJECTS
    assert recorded.samples.outputs == [[1, 2, 0], [3, 4, 0]]


def test_where_both_ways_answer_the_same_requests_are_checked_as_numbers():
    recorded = of_text(lambda rows: [max(row) for row in rows], [[1, 2], [3, 4]])
    assert recorded.signature.inputs.layout == "array"


@pytest.mark.parametrize("rows", [[[1, 2], [3]], [{"a": 1}], ["x", "y"], [[True], [False]], [None]])
def test_other_lists_in_a_json_file_stay_lists(rows):
    recorded = of_text(len_of_each, rows)
    assert recorded.signature.inputs == OBJECTS


def len_of_each(rows):
    return [len(str(row)) for row in rows]


def test_a_list_of_pythons_own_is_what_the_function_gets_later_too():
    loaded = saved(lambda rows: [row + [0] for row in rows], [[1, 2]])  # noqa: RUF005  not so for arrays
    assert answer(loaded, [[5, 6]]) == [[5, 6, 0]]
    with pytest.raises(SampleMismatch, match="has no attribute 'sum'"):
        saved(lambda rows: rows.sum(axis=1), [[1, 2]])
