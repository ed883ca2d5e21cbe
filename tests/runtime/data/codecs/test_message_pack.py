"""Arrays of strangers in MessagePack: what they say of themselves is held to their bytes."""

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.data.codecs import message_pack
from modelbundle.runtime.errors import BadPayload, InvalidInput, PayloadTooLarge

NUMBERS = ["?", "b1", "<i1", ">i2", "<i8", "u4", ">f2", "<f4", ">f8"]


def body(**said):
    array = {"nd": True, "type": "<i4", "shape": [2, 3], "data": bytes(24)} | said
    return msgpack.packb({"instances": {k: v for k, v in array.items() if v is not None}})


def loaded(data):
    value, has_arrays = message_pack.loads(data)
    assert has_arrays is isinstance(value, np.ndarray)
    return value


@pytest.mark.parametrize("name", [*NUMBERS[1:], b"<f8"])
@given(st.lists(st.integers(0, 3), max_size=3))
def test_an_array_comes_as_its_bytes_say(name, shape):
    dtype = np.dtype(name.decode() if isinstance(name, bytes) else name)
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    if array.size == 0:
        return  # nobody means lists without a value: below
    came = loaded(body(type=name, shape=shape, data=array.tobytes()))
    assert came.dtype == dtype.newbyteorder("=")
    assert came.shape == array.shape
    assert (came == array).all()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"type": None}, "lacks its"),
        ({"type": 4}, "lacks its"),
        ({"shape": None}, "lacks its"),
        ({"shape": "2"}, "lacks its"),
        ({"data": None}, "lacks its"),
        ({"data": "x" * 24}, "lacks its"),
        ({"type": "O"}, "not of numbers"),
        ({"type": "<i3"}, "not of numbers"),
        ({"type": "S4"}, "not of numbers"),
        ({"type": "f4,f4"}, "not of numbers"),
        ({"type": "<M8"}, "not of numbers"),
        ({"shape": [2, 4]}, "not as long"),
        ({"shape": [2, 2]}, "not as long"),
        ({"shape": []}, "not as long"),
        ({"shape": [1 << 39, 1 << 39]}, "not as long"),
        ({"shape": [6.0]}, "shape of an array"),
        ({"shape": [True, 6]}, "shape of an array"),
        ({"shape": [-2, -3]}, "shape of an array"),
        ({"shape": [1 << 40]}, "shape of an array"),
        ({"shape": [1] * 65 + [6]}, "shape of an array"),
        ({"shape": [1 << 30, 0], "data": b""}, "shape of an array"),
    ],
)
def test_an_array_that_is_none_is_refused(said, why):
    with pytest.raises((BadPayload, InvalidInput), match=why):
        message_pack.loads(body(**said))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not MessagePack"),
        (b"\xc1", "not MessagePack"),
        (body()[:-1], "not MessagePack"),
        (body() + b"\x00", "not MessagePack"),
        (b"\x91" * 100_000 + b"\x90", "not MessagePack"),
        (msgpack.packb([1]), "Expected"),
        (msgpack.packb({"instances": 1, "more": 1}), "Expected"),
        (b"\x82" + b"\xa9instances\x01" * 2, "more than once"),
        (msgpack.packb({"instances": [{1: 2}]}), "not text"),
        (msgpack.packb({"instances": [msgpack.ExtType(5, b"x")]}), "extension type 5"),
    ],
)
def test_what_is_no_body_is_refused(data, why):
    with pytest.raises((BadPayload, InvalidInput), match=why):
        message_pack.loads(data)


def test_no_more_lists_and_maps_are_made_than_rows_may_have():
    rows = msgpack.packb({"instances": [[], [], {}]})
    assert message_pack.loads(rows, 5) == ([[], [], {}], False)
    with pytest.raises(PayloadTooLarge, match="more lists and maps"):
        message_pack.loads(rows, 4)


def test_an_answer_is_arrays_or_lists():
    said = {"a": np.array([[1, 2]], ">i2"), "b": [1.5, None, "x"]}
    plain = msgpack.unpackb(message_pack.dumps(said))
    assert plain == {"predictions": {"a": [[1, 2]], "b": [1.5, None, "x"]}}
    raw = msgpack.unpackb(message_pack.dumps(said, arrays=True))["predictions"]["a"]
    again = loaded(msgpack.packb({"instances": raw}))
    assert again.tolist() == [[1, 2]]
    for arrays in (True, False):
        with pytest.raises(TypeError):
            message_pack.dumps([object()], arrays=arrays)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (msgpack.Timestamp(1577934245, 5), "2020-01-02T03:04:05.000000005"),
        (msgpack.Timestamp(-1, 0), "1969-12-31T23:59:59.000000000"),
        (msgpack.Timestamp(253_402_300_799, 0), "9999-12-31T23:59:59.000000000"),
    ],
)
def test_a_timestamp_is_a_time_wherever_it_stands(time, text):
    """The one extension type that MessagePack itself has."""
    rows = [time, {"at": time, "all": [time]}]
    found, _ = message_pack.loads(msgpack.packb({"instances": rows}))
    assert found == [text, {"at": text, "all": [text]}]


@pytest.mark.parametrize("seconds", [-(2**63), 253_402_300_800, 2**63 - 1])
def test_a_timestamp_of_no_year_is_refused(seconds):
    with pytest.raises(InvalidInput, match="years"):
        message_pack.loads(msgpack.packb({"instances": [msgpack.Timestamp(seconds, 0)]}))
