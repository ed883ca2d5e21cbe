"""Thrift: structs of strangers, read within limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.data.columnar.thrift import Broken, Reader

LIST, STRUCT = 9, 12


def test_lists_in_lists_end_at_a_depth_of_our_own():
    one_in_the_other = b"\x19" + b"\x19" * 20_000  # field 1: a list of one list of one list ...
    with pytest.raises(Broken, match="too deeply"):
        Reader(memoryview(one_in_the_other)).struct()


def test_structs_in_structs_and_lists_do_as_well():
    for link in (b"\x1c", b"\x19\x1c"):
        with pytest.raises(Broken, match="too deeply"):
            Reader(memoryview(link * 20_000)).struct()


def test_a_list_as_deep_as_files_have_them_is_read():
    assert Reader(memoryview(b"\x19\x19\x25\x02\x04\x00")).struct() == {1: [[1, 2]]}


@given(st.binary(max_size=200))
def test_any_bytes_are_a_struct_or_broken(data):
    try:
        Reader(memoryview(data)).struct()
    except Broken as error:
        assert str(error)  # noqa: PT017  any other error is the accident
