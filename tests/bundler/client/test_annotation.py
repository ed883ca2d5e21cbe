"""Annotation: classes of a signature as types and constants of generated Python."""

import ast

from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.client import annotation
from modelbundle.runtime.manifests.signature import Field, Side

CLASSES = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.integers(),
        st.booleans(),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    max_size=8,
)


@given(CLASSES)
def test_classes_are_literals_whatever_stands_in_them(classes):
    side = Side("array", (Field("label", "str", (None,), classes=tuple(classes)),))
    found = [ast.literal_eval(each) for each in annotation.classes(side)]
    assert found == classes
    assert all(each.isascii() for each in annotation.classes(side))


def test_a_value_that_is_one_of_some_has_them_as_its_type():
    field = Field("label", "str", (None,), classes=('no"', "yes"))
    assert annotation.cell(field) == 'Literal[\'no"\', "yes"]'
    nullable = Field("label", "int64", (None,), is_nullable=True, classes=(1, 2))
    assert annotation.cell(nullable) == "Literal[1, 2] | None"
    places = Field("scores", "float64", (None, 2), classes=("no", "yes"))
    assert annotation.cell(places) == "list[float]"
    fractions = Field("half", "float64", (None,), classes=(0.5, 1.5))
    assert annotation.cell(fractions) == "float", "Python has no literal type of a fraction"


def test_more_classes_than_somebody_would_read_are_left_out():
    many = tuple(map(str, range(101)))
    assert annotation.cell(Field("label", "str", (None,), classes=many)) == "str"
    assert annotation.classes(Side("array", (Field("a", "str", (None,), classes=many),))) == ()
