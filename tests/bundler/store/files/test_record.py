"""A record is what was written, down to one bit, or it is damaged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.store.files import record

VALUES = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=9)
DATA = st.dictionaries(st.text(max_size=9), VALUES | st.lists(VALUES, max_size=3), max_size=4)


@given(DATA)
def test_it_comes_back(data):
    assert record.decode(record.encode(data)) == data


@given(DATA, st.integers(0), st.integers(0, 7))
def test_no_flipped_bit_is_believed(data, place, bit):
    line = bytearray(record.encode(data))
    line[place % len(line)] ^= 1 << bit
    with pytest.raises(ValueError, match="checksum"):
        record.decode(bytes(line))


@pytest.mark.parametrize("value", [[], "text", 1, None])
def test_it_is_an_object(value):
    with pytest.raises(ValueError, match="not a JSON object"):
        record.decode(record.encode(value))
    with pytest.raises(ValueError, match="empty"):
        record.decode(b"")
