"""Recorded inputs and outputs, and what counts as a difference."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.data.samples import Samples, compare
from modelbundle.runtime.errors import InvalidBundle

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ROWS = st.lists(JSON, max_size=3)


@given(inputs=ROWS, outputs=ROWS)
def test_samples_come_back_as_they_were(tmp_path_factory, inputs, outputs):
    path = tmp_path_factory.mktemp("samples") / "predict.json"
    samples = Samples("predict", inputs, outputs)
    path.write_bytes(samples.encode())
    assert Samples.read(path) == samples
    assert samples.differences(outputs) == []


@pytest.mark.parametrize(
    ("expected", "got", "said"),
    [
        ([1.0], [1.00001], []),
        ([1.0], [1.1], ["predictions[0]: expected 1.0, got 1.1"]),
        ([1.0], [1], []),
        ([1], [2], ["predictions[0]: expected 1, got 2"]),
        ([1], [True], ["predictions[0]: expected 1, got true"]),
        (["a"], ["b"], ['predictions[0]: expected "a", got "b"']),
        ([{"p": [0.5, 0.5]}], [{"p": [0.5, 0.6]}], ["predictions[0].p[1]: expected 0.5, got 0.6"]),
        ([1], [1, 2], ["predictions: expected [1], got [1, 2]"]),
        ([{"a": 1}], [{"b": 1}], ['predictions[0]: expected {"a": 1}, got {"b": 1}']),
        ([None], [0.0], ["predictions[0]: expected null, got 0.0"]),
    ],
)
def test_a_difference_names_its_place(expected, got, said):
    assert compare(expected, got) == said


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": 1}', json.dumps({"schema": 2})])
def test_what_is_no_samples_file_is_refused(tmp_path, text):
    (tmp_path / "predict.json").write_text(text)
    with pytest.raises(InvalidBundle, match=r"predict\.json"):
        Samples.read(tmp_path / "predict.json")


def test_a_wider_tolerance_grows_with_the_largest_output_and_never_shrinks():
    samples = Samples("predict", [0, 0], [{"y": [1.0, -50.0]}, {"y": [0.0, "x"]}])
    wide = samples.loosened((0.1, 0.02))
    assert (wide.rtol, wide.atol) == (0.1, 1.0)
    assert wide.differences([{"y": [1.9, -54.0]}, {"y": [0.9, "x"]}]) == []
    assert wide.differences([{"y": [1.9, -57.0]}, {"y": [0.9, "x"]}])
    assert samples.loosened(None) is samples
    assert samples.loosened((0.0, 0.0)) == samples
    assert Samples("predict", [0], ["text"]).loosened((0.1, 0.1)).atol == samples.atol


def test_the_largest_difference_is_that_of_numbers_wherever_they_stand():
    samples = Samples("predict", [0, 0], [{"y": [1.0, 2.0], "n": 3}, {"y": [0.0, "x"], "n": None}])
    got = [{"y": [1.5, 2.0], "n": 4}, {"y": [-2.5, "z"], "n": None}]
    assert samples.largest_difference(got) == 2.5
    assert samples.largest_difference(samples.outputs) == 0.0


def test_as_many_are_shown_as_a_page_has_room_for_and_one_at_least():
    wide = [[0.25] * 9000] * 3
    few = Samples("predict", [[1.0], [2.0]], [1.0, 2.0])
    assert few.shown == few
    assert Samples("predict", wide, [1.0, 2.0, 3.0]).shown == Samples("predict", wide[:1], [1.0])
    assert len(Samples("predict", [[0.25] * 4000] * 3, [1.0, 2.0, 3.0]).shown.outputs) == 2
