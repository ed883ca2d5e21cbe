"""A large request with less to parse at once is still the request that protobuf finds."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.errors import BadPayload
from modelbundle.runtime.grpc.messages.pool import pool
from modelbundle.runtime.grpc.tensors.large_request import (
    LARGE,
    LargeRequest,
    cut,
    reader,
    whole,
)

REQUEST = pool()["inference.ModelInferRequest"]
INPUT_SIZE = 1 << 12  # of which lists are cut off


def message(*raw, name="sums"):
    said = REQUEST(model_name=name, id="7", model_version="1")
    for index, each in enumerate(raw):
        said.inputs.add(name=f"input-{index}", datatype="FP32", shape=[1, len(each) // 4])
        said.raw_input_contents.append(each)
    said.parameters["priority"].int64_param = 1
    said.outputs.add(name="output")
    return said


def listed(field, values, sizes=(INPUT_SIZE,)):
    """A request whose inputs have lists of so many values."""
    said = message()
    for size in sizes:
        tensor = said.inputs.add(name=f"x{size}", datatype="any", shape=[size])
        tensor.parameters["content_type"].string_param = "np"
        getattr(tensor.contents, field).extend(values * size)
    return said


def without_values(said):
    """The same, but for raw contents and lists."""
    del said.raw_input_contents[:]
    for each in said.inputs:
        each.ClearField("contents")
    return said


@given(st.lists(st.binary(max_size=300), max_size=4), st.text(max_size=200))
def test_nothing_is_lost(raw, name):
    said = message(*raw, name=name)
    rest, views, is_cut = cut(said.SerializeToString())
    assert [bytes(each) for each in views] == raw
    assert not is_cut
    del said.raw_input_contents[:]
    assert REQUEST.FromString(rest) == said


@given(st.binary(max_size=60), st.integers(0, INPUT_SIZE + 200), st.booleans())
def test_what_is_cut_is_read_as_it_was_or_is_left_to_protobuf(noise, place, is_raw):
    """Whatever the bytes are: no other request comes of them."""
    sent = message(b"abcd", b"") if is_raw else listed("uint_contents", [7])
    sent = sent.SerializeToString()
    data = sent[:place] + noise + sent[place:]
    try:
        expected = REQUEST.FromString(data)
    except DecodeError:
        with pytest.raises((DecodeError, BadPayload, ValueError)):
            LargeRequest(data, REQUEST.FromString).whole()
        return
    try:
        found = LargeRequest(data, REQUEST.FromString)
    except ValueError:
        return
    assert [bytes(each) for each in found.raw_input_contents] == list(expected.raw_input_contents)
    assert found.whole() is found or found.whole() == expected
    for one, other in zip(found.inputs, expected.inputs, strict=True):
        assert not one.HasField("contents") or one == other
    rest, _, _ = cut(data)
    assert without_values(REQUEST.FromString(rest)) == without_values(expected)


@pytest.mark.parametrize(
    ("field", "value"),
    [("int_contents", -1), ("uint64_contents", 1 << 60), ("bytes_contents", b"")],
)
def test_lists_that_protobuf_would_read_one_by_one_are_left_unread(field, value):
    """Those of short inputs are not worth it."""
    said = listed(field, [value], sizes=(LARGE, 3))
    found = reader(REQUEST.FromString)(said.SerializeToString())
    long, short = found.inputs
    assert (long.name, list(long.shape)) == (f"x{LARGE}", [LARGE])
    assert long.parameters["content_type"].string_param == "np"
    assert not long.HasField("contents")
    assert list(getattr(short.contents, field)) == [value] * 3
    assert whole(found) == said


@pytest.mark.parametrize("field", ["fp32_contents", "fp64_contents"])
def test_floats_are_read_at_once(field):
    said = listed(field, [0.5], sizes=(LARGE,))
    assert reader(REQUEST.FromString)(said.SerializeToString()) == said


def test_a_list_that_is_none_is_refused_when_it_is_read():
    said = listed("int_contents", [1], sizes=(LARGE,)).SerializeToString()
    found = reader(REQUEST.FromString)(said.replace(b"\x01" * LARGE, b"\xff" * LARGE))
    with pytest.raises(BadPayload, match="not what this call takes"):
        whole(found)


@pytest.mark.parametrize("field", [b"\x08\x00", b"\x3a\x00"])
@pytest.mark.parametrize("is_within", [False, True])
def test_more_fields_than_anybody_writes_are_not_looked_at_one_by_one(field, is_within):
    fields = field * LARGE
    if is_within:
        fields = b"\x2a\x80\x80\x08" + fields
    with pytest.raises(ValueError, match="fields"):
        cut(fields)
    assert isinstance(reader(REQUEST.FromString)(fields), REQUEST)


def test_only_large_messages_are_cut():
    read = reader(REQUEST.FromString)
    small, large = message(b"x" * 64), message(b"x" * LARGE, b"y")
    assert read(small.SerializeToString()) == small
    found = read(large.SerializeToString())
    assert whole(found) is found
    assert list(map(bytes, found.raw_input_contents)) == [b"x" * LARGE, b"y"]
    assert [each.name for each in found.inputs] == ["input-0", "input-1"]
    assert (found.model_name, found.id) == ("sums", "7")


def test_what_is_no_message_is_for_protobuf_to_refuse():
    with pytest.raises(DecodeError):
        reader(REQUEST.FromString)(b"\xff" * LARGE)
