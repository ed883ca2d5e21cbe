"""The native JSON envelope."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.data.codecs import instances
from modelbundle.runtime.errors import BadPayload, InvalidInput

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(VALUES))
def test_instances_come_out_as_they_went_in(rows):
    assert instances.loads(json.dumps({"instances": rows}).encode()) == rows


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"  ", "empty"),
        (b'{"instances": [1,\n 2,]}', "line 2, column 3"),
        (b'{"instances": [NaN]}', "not valid JSON"),
        (b'{"instances": [Infinity]}', "not valid JSON"),
        (b'{"instances": [1]} x', "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"instances": ' + b"[" * 5000, "not valid JSON"),
    ],
)
def test_what_is_not_json_is_refused_with_its_place(body, said):
    with pytest.raises(BadPayload, match=said):
        instances.loads(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[[1, 2]]", r"Expected \{\"instances\": \[\.\.\.\]\}, got a bare list"),
        (b"3", "got a number"),
        (b"null", "got null"),
        (b"{}", "`instances` is missing"),
        (b'{"instance": [1]}', "Unknown key `instance`; did you mean `instances`"),
        (b'{"instances": [1], "threshold": 1}', "Unknown key `threshold`"),
        (b'{"instances": [1], "instances": [2]}', "`instances` appears more than once"),
        (b'{"instances": [1], "\\u0069nstances": [2]}', "`instances` appears more than once"),
        (b'{"\\u0069nstances": [1], "instances": [2]}', "`instances` appears more than once"),
        (b'{"instances": [{"a": 1, "a": 2}]}', "`a` appears more than once"),
        (b'{"instances": [{"a": 1, "a" \n: 2}]}', "`a` appears more than once"),
        (b'{"instances": [{"b": ":", "a": 1, "a": 2}]}', "`a` appears more than once"),
        (b'{"instances": [[[{"a": [{"b": 1, "b": "1:2"}]}]]]}', "`b` appears more than once"),
        (b'{"instances": [{"a": %s, "a": 2}]}' % (b"9" * 300), "`a` appears more than once"),
        (b'{"instances": {"a": 1}}', "expected a list of rows, got an object"),
    ],
)
def test_json_of_another_form_is_refused_with_what_was_expected(body, said):
    with pytest.raises(InvalidInput, match=said):
        instances.loads(body)


@pytest.mark.parametrize(
    "row",
    [
        {"time": "12:30:00", "place": "a: b"},
        {"said": '"yes": "no":'},
        {"said": ":", "a": {"said": [":"]}},
        ["a:b", ':"', '":'],
    ],
)
def test_colons_in_strings_are_no_keys(row):
    assert instances.loads(json.dumps({"instances": [row, row]}).encode()) == [row, row]


def test_a_row_that_speaks_of_instances_is_no_duplicate():
    rows = [{"text": '"instances"', "instances": [{"instances": 1}]}]
    assert instances.loads(json.dumps({"instances": rows}).encode()) == rows


def test_an_array_is_written_without_becoming_a_list():
    array = np.array([[0.1, 2], [3, 4]], dtype="float32")
    assert instances.dumps(array) == b'{"predictions":[[0.1,2.0],[3.0,4.0]]}'


@pytest.mark.parametrize(
    "body", [b"[[NaN]]", b"[1, Infinity]", b"[-Infinity]", b'["\xc3\xa9",NaN]', b"[nan]"]
)
def test_what_is_no_number_is_told_what_to_send_for_it(body):
    with pytest.raises(BadPayload, match="a missing value is null"):
        instances.loads(b'{"instances": ' + body + b"}")


@pytest.mark.parametrize("body", [b"[x]", b'["NaN" NaNo]', b"[1", b"NaNo", b"[nul]"])
def test_of_other_mistakes_nothing_is_said_of_missing_values(body):
    with pytest.raises(BadPayload) as caught:
        instances.loads(body)
    assert "null" not in caught.value.detail.replace("expected 'null'", "")


@given(
    st.lists(
        st.integers()
        | st.sampled_from([-(2**63) - 1, -(2**63), 2**64 - 1, 2**64, 10**19, -(10**18), 10**300])
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text('0123456789-."\\', max_size=25)
    )
)
def test_whole_numbers_are_read_exactly_however_long_they_are(values):
    """orjson makes floats of those beyond 64 bits, and nobody would know."""
    read = instances.parse(json.dumps(values).encode())
    assert read == values
    assert list(map(type, read)) == list(map(type, values))
