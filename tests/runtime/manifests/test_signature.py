"""Signature: what a field says of classes, as it stands in model.json."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime import canonical
from modelbundle.runtime.manifests.signature import MOST_CLASSES, Field

CLASSES = st.one_of(
    st.text(max_size=9),
    st.integers(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
)


@given(st.lists(CLASSES, max_size=9, unique_by=lambda one: (type(one), one)))
def test_a_field_with_classes_is_read_as_it_was_written(classes):
    field = Field("output-0", "str", (None, len(classes)), classes=tuple(classes))
    again = Field.from_json(json.loads(json.dumps(field.to_json())))
    assert again == field
    assert [type(one) for one in again.classes] == [type(one) for one in classes]


def test_a_field_that_an_older_version_wrote_is_read_and_written_as_it_was():
    old = {"name": "output-0", "dtype": "float64", "shape": [None, 3]}
    field = Field.from_json(old)
    assert (field.classes, field.labels, field.choices) == ((), (), ())
    assert canonical.dumps(field.to_json()) == canonical.dumps(old), "its digest stays"


def test_classes_are_choices_of_a_value_or_labels_of_the_places_in_a_row():
    values = Field("a", "str", (None,), classes=("no", "yes"))
    assert (values.choices, values.labels) == (("no", "yes"), ())
    places = Field("a", "float64", (None, 2), classes=("no", "yes"))
    assert (places.choices, places.labels) == ((), ("no", "yes"))
    others = Field("a", "float64", (None, 3), classes=("no", "yes"))
    assert others.labels == ()
    mixed = Field("a", "float64", (None, 3), classes=(True, 2, 0.5))
    assert mixed.labels == ("true", "2", "0.5")


@pytest.mark.parametrize(
    "classes",
    [
        "no", {"no": 1}, [None], [["no"]], [float("nan")], [float("inf")], ["no", "no"],
        ["x" * 2000], list(range(MOST_CLASSES + 1)),
    ],
)  # fmt: skip
def test_what_are_no_classes_is_refused(classes):
    said = {"name": "a", "dtype": "str", "shape": [None], "classes": classes}
    with pytest.raises(ValueError, match="the classes of 'a' are none"):
        Field.from_json(said)
