"""Raw contents cut out of a message are what protobuf finds in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.grpc.messages.pool import pool
from modelbundle.runtime.grpc.tensors import raw_contents
from modelbundle.runtime.grpc.tensors.raw_contents import LARGE, WithRaw, cut

REQUEST = pool()["inference.ModelInferRequest"]


def message(*raw, name="sums"):
    said = REQUEST(model_name=name, id="7", model_version="1")
    for index, each in enumerate(raw):
        said.inputs.add(name=f"input-{index}", datatype="FP32", shape=[1, len(each) // 4])
        said.raw_input_contents.append(each)
    said.parameters["priority"].int64_param = 1
    said.outputs.add(name="output")
    return said


@given(st.lists(st.binary(max_size=300), max_size=4), st.text(max_size=200))
def test_nothing_is_lost(raw, name):
    said = message(*raw, name=name)
    rest, views = cut(said.SerializeToString())
    assert [bytes(each) for each in views] == raw
    del said.raw_input_contents[:]
    assert REQUEST.FromString(rest) == said


@given(st.binary(max_size=60), st.integers(0, 60))
def test_what_is_cut_is_read_as_it_was_or_is_left_to_protobuf(noise, place):
    """Whatever the bytes are: no other request comes of them."""
    whole = message(b"abcd", b"").SerializeToString()
    data = whole[:place] + noise + whole[place:]
    try:
        rest, views = cut(data)
    except ValueError:
        return
    try:
        expected = REQUEST.FromString(data)
    except Exception:  # noqa: BLE001  what it raises for damage has no common name
        with pytest.raises(Exception):  # noqa: B017, PT011
            REQUEST.FromString(rest)
        return
    assert [bytes(each) for each in views] == list(expected.raw_input_contents)
    found = REQUEST.FromString(rest)
    del expected.raw_input_contents[:]
    assert found == expected


@pytest.mark.parametrize("field", [b"\x08\x00", b"\x3a\x00"])
def test_more_fields_than_anybody_writes_are_not_looked_at_one_by_one(field):
    with pytest.raises(ValueError, match="fields"):
        cut(field * LARGE)
    assert isinstance(raw_contents.reader(REQUEST.FromString)(b"\x3a\x00" * LARGE), REQUEST)


def test_only_large_messages_are_cut():
    read = raw_contents.reader(REQUEST.FromString)
    small, large = message(b"x" * 64), message(b"x" * LARGE, b"y")
    assert read(small.SerializeToString()) == small
    found = read(large.SerializeToString())
    assert isinstance(found, WithRaw)
    assert list(map(bytes, found.raw_input_contents)) == [b"x" * LARGE, b"y"]
    assert [each.name for each in found.inputs] == ["input-0", "input-1"]
    assert (found.model_name, found.id) == ("sums", "7")


def test_large_messages_of_another_kind_are_protobufs():
    read = raw_contents.reader(REQUEST.FromString)
    listed = REQUEST(model_name="sums")
    listed.inputs.add(name="x", datatype="FP32").contents.fp32_contents.extend([1.0] * LARGE)
    assert read(listed.SerializeToString()) == listed
    with pytest.raises(Exception, match="arsing"):
        read(b"\xff" * LARGE)
