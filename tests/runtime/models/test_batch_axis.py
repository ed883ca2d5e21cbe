"""The axis of the rows: back where one row was squeezed, and never where it was not."""

import numpy as np
import pytest

from modelbundle.runtime.manifests.signature import OBJECTS, Field, Side, Signature
from modelbundle.runtime.models.batch_axis import call, restored

THREE = Side("array", (Field("output-0", "float64", (None, 3)),))
ONE = Side("array", (Field("output-0", "float64", (None,)),))
FREE = Side("array", (Field("output-0", "float64", (None, None, 2)),))
PAIR = Side("tensors", (Field("a", "float64", (None, 3)), Field("b", "str", (None,))))


@pytest.mark.parametrize(
    ("side", "answer", "shape"),
    [
        (THREE, np.ones(3), (1, 3)),
        (ONE, np.float64(2), (1,)),
        (ONE, 2.5, (1,)),
        (ONE, np.array(2.5), (1,)),
        (FREE, np.ones((7, 2)), (1, 7, 2)),
    ],
)
def test_a_row_alone_gets_its_axis_back(side, answer, shape):
    assert restored(answer, side).shape == shape


def test_each_part_of_several_gets_its_own_back():
    for answer in ({"a": np.ones(3), "b": np.str_("x")}, (np.ones(3), np.str_("x"))):
        parts = restored(answer, PAIR)
        parts = tuple(parts.values()) if isinstance(parts, dict) else parts
        assert [part.shape for part in parts] == [(1, 3), (1,)]


def test_one_value_is_a_row_of_a_list():
    assert restored("text", OBJECTS) == ["text"]
    assert restored(2.5, OBJECTS) == [2.5]


@pytest.mark.parametrize(
    ("side", "answer"),
    [
        (THREE, np.ones((1, 3))),
        (THREE, np.ones(2)),
        (THREE, np.ones((2, 3))),
        (ONE, np.ones(1)),
        (THREE, None),
        (THREE, "text"),
        (PAIR, (np.ones(3),)),
        (OBJECTS, [1, 2]),
        (OBJECTS, {"a": 1}),
    ],
)
def test_any_other_answer_stays_what_it_is(side, answer):
    assert restored(answer, side) is answer


STEPS = Side("array", (Field("x", "float64", (None, 5, 3), axis=1),))


def test_a_model_gets_and_gives_the_rows_on_its_own_axis():
    def model(steps):
        assert steps.shape == (5, 2, 3)
        assert steps.flags.c_contiguous
        return steps * 2

    rows = np.arange(30.0).reshape(2, 5, 3)
    np.testing.assert_array_equal(call(model, Signature(STEPS, STEPS), rows), rows * 2)


def test_an_answer_that_lacks_an_axis_is_not_turned():
    """One row that was squeezed: its second axis is not that of the rows."""
    squeezed = np.ones((5, 3))
    assert call(lambda _: squeezed, Signature(STEPS, STEPS), np.ones((1, 5, 3))) is squeezed
    assert restored(squeezed, STEPS).shape == (1, 5, 3)


def test_without_another_axis_nothing_is_touched():
    rows = np.ones((2, 3))
    assert call(lambda batch: batch, Signature(THREE, THREE), rows) is rows


@pytest.mark.parametrize("axis", [3, -1])
def test_an_axis_that_a_field_does_not_have_is_refused(axis):
    with pytest.raises(ValueError, match="axis"):
        Field.from_json({"name": "x", "dtype": "int64", "shape": [None, 3, 4], "axis": axis})


def test_the_axis_survives_being_written():
    field = STEPS.fields[0]
    assert Field.from_json(field.to_json()) == field
    assert "axis" not in THREE.fields[0].to_json()
