"""A signature as JSON Schema: what it promises, the table takes."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.data.rows import schema, table
from modelbundle.runtime.errors import InvalidInput
from modelbundle.runtime.manifests.signature import Field, Side


def side(dtype, **more):
    return Side("columns", (Field("x", dtype, (None,), **more),))


def cell(dtype, **more):
    return schema.record(side(dtype, **more))["properties"]["x"]


@pytest.mark.parametrize("dtype", ["datetime64[ns]", "datetime64[ns, UTC]"])
@given(
    st.from_regex(
        cell("datetime64[ns]")["pattern"].replace("$", r"\Z"), alphabet=st.characters(codec="ascii")
    )
)
def test_times_that_are_promised_are_those_that_nanoseconds_hold(dtype, text):
    """`format: date-time` has ten thousand years, of which all but six hundred were refused."""
    made = table.gather(side(dtype), [{"x": text}])["x"]
    assert str(made[0])[:4] in {text[:4], str(int(text[:4]) - 1), str(int(text[:4]) + 1)}
    assert made.dtype == np.dtype("datetime64[ns]")


@pytest.mark.parametrize("text", ["1500-01-01", "2300-01-01T00:00:00Z", "9999-12-31"])
def test_other_times_are_refused_in_words(text):
    """And not promised."""
    assert not re.search(cell("datetime64[ns]")["pattern"], text)
    with pytest.raises(InvalidInput, match="an ISO 8601 time that fits datetime64"):
        table.gather(side("datetime64[ns]"), [{"x": text}])


def test_answers_may_be_of_any_time():
    """They are the model's."""
    told = schema.prediction(side("datetime64[ns]"))["properties"]["x"]
    assert told == {"type": "string", "format": "date-time"}


def test_booleans_that_may_be_missing():
    """And categories of numbers, which are numbers."""
    assert cell("bool", is_nullable=True) == {"type": ["boolean", "null"]}
    assert cell("category[int64]", is_nullable=True)["type"] == ["integer", "null"]
    assert cell("category") == {"type": ["string", "number", "boolean"]}
    assert cell("category", is_nullable=True)["type"][-1] == "null"
    assert cell("object") == {}


def test_a_list_of_one_value_may_be_that_value():
    """As `table` reads it, and answers do not have it."""
    one = Side("tensors", (Field("x", "str", (None, 1)),))
    listed, alone = schema.record(one)["properties"]["x"]["anyOf"]
    assert (listed["type"], alone) == ("array", {"type": "string"})
    assert schema.prediction(one)["properties"]["x"] == listed
    assert table.gather(one, [{"x": "a"}])["x"].tolist() == [["a"]]
    assert table.gather(one, [{"x": ["a"]}])["x"].tolist() == [["a"]]


def test_bytes_are_base64_and_answered_under_a_name():
    """The schema of answers promised the string alone."""
    text, named = cell("bytes")["anyOf"]
    answered = schema.prediction(side("bytes"))["properties"]["x"]
    assert answered == named == {"type": "object", "properties": {"b64": text}, "required": ["b64"]}
    assert table.to_instances({"x": np.array([b"a"], object)}) == [{"x": {"b64": "YQ=="}}]
    assert cell("bytes", is_nullable=True)["anyOf"] == [text, named, {"type": "null"}]
