"""Thrift: structs of strangers, read within limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.data.columnar.thrift import Broken, ThriftReader


def test_lists_in_lists_end_at_a_depth_of_our_own():
    one_in_the_other = b"\x19" + b"\x19" * 20_000  # field 1: a list of one list of one list ...
    with pytest.raises(Broken, match="too deeply"):
        ThriftReader(memoryview(one_in_the_other)).struct()


def test_structs_in_structs_and_lists_do_as_well():
    for link in (b"\x1c", b"\x19\x1c"):
        with pytest.raises(Broken, match="too deeply"):
            ThriftReader(memoryview(link * 20_000)).struct()


def test_a_list_as_deep_as_files_have_them_is_read():
    assert ThriftReader(memoryview(b"\x19\x19\x25\x02\x04\x00")).struct() == {1: [[1, 2]]}


def test_a_struct_has_no_more_values_than_it_may():
    values = b"\x15\x02" * 5 + b"\x00"
    assert len(ThriftReader(memoryview(values), most=5).struct()) == 5
    with pytest.raises(Broken, match="too many values"):
        ThriftReader(memoryview(values), most=4).struct()


def test_numbers_have_an_end():
    for number in (1 << 62, -1 << 62, -1, 0):
        zigzag = number << 1 ^ number >> 63
        data, rest = b"", zigzag
        while rest > 127:
            data, rest = data + bytes([rest & 127 | 128]), rest >> 7
        data = b"\x16" + data + bytes([rest, 0])
        assert ThriftReader(memoryview(data)).struct() == {1: number}
    with pytest.raises(Broken, match="without an end"):
        ThriftReader(memoryview(b"\x16" + b"\xff" * 20)).struct()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x18\x05abc", "a text ends behind"),
        (b"\x17" + bytes(7), "a text ends behind"),
        (b"\x15\x02", "a struct ends behind"),
        (b"\x19\xf5\xff\xff\xff\x07", "longer than everything"),
        (b"\x1b\x00\x00", "unknown type"),
    ],
)
def test_what_ends_behind_the_file_is_broken(data, why):
    with pytest.raises(Broken, match=why):
        ThriftReader(memoryview(data)).struct()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_struct_or_broken(data):
    try:
        ThriftReader(memoryview(data)).struct()
    except Broken as error:
        assert str(error)  # noqa: PT017  any other error is the accident
