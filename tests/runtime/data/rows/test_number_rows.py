"""NumberRows must read what the list way reads, to the bit, and leave everything else to it."""

import json

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.data.codecs import instances
from modelbundle.runtime.data.payload import Codec
from modelbundle.runtime.data.rows import number_rows, table
from modelbundle.runtime.errors import RequestError
from modelbundle.runtime.manifests.signature import Field, Side

pytest.importorskip("simdjson", reason="simdjson has no wheels for this Python")

DTYPES = ("float16", "float32", "float64", "int8", "int64", "uint8", "uint32", "uint64")
SIZES = ((), (1,), (3,), (2, 2), (1, 1, 2))
TEXTS = (
    "0", "-0", "-0.0", "1", "2.0", "2.5", "-3", "1e2", "1E-2", "255", "256", "65504", "65520",
    "1e39", "1e308", "1e309", "4.9e-324", "9007199254740993", "9223372036854775808",
    "18446744073709551615", "18446744073709551616", "true", "null", '"1"', "[1]", "[]", "{}",
    "01", "1.", ".5", "+1", "NaN", "1 2", "-",
)  # fmt: skip
ENVELOPES = (
    '{"instances":[%s]}', '{ "instances" : [ %s ] }', '{"instance":[%s]}', "[[%s]]",
    '{"instances":[%s],"more":1}', '{"instances":[%s]}}', '{"instances":[%s]', "%s",
    '{"insta nces":[%s]}', '{"instances1":[%s]}', '{"instances":[%s,]}', '{"instances":[[%s]]}',
    '{"instances":%s}', '\ufeff{"instances":[%s]}', '{"instances":[1],"instances":[%s]}',
    '{"\\u0069nstances":[%s]}', ' {"instances":[%s]}\n', '{"instances": [%s]}', '{"instances":[%s]1}',
    '{"instances"1:[%s]}', '{"instances":1[%s]}', '{"instancs":[%s]}', '{"instances":[%s]}0',
)  # fmt: skip


def side(dtype, sizes):
    return Side("array", (Field("x", dtype, (None, *sizes)),))


def listed(inputs, body):
    try:
        return table.gather(inputs, instances.loads(body))
    except RequestError as error:
        return str(error)


def read(inputs, body, most=4096):
    reader = number_rows.of(inputs)
    found = reader.read(body, most)
    if found is None:
        return None
    rows, text = found
    try:
        array = reader.array([text], rows)
    except ValueError:
        return None
    assert len(array) == rows
    return array


@st.composite
def rows(draw, sizes, leaf):
    if not sizes:
        return draw(leaf)
    size = draw(st.sampled_from([sizes[0]] * 8 + [sizes[0] + 1, 0]))
    return "[" + ",".join(draw(rows(sizes[1:], leaf)) for _ in range(size)) + "]"


@given(st.data())
def test_the_same_array_as_from_lists_or_none(data):
    dtype, sizes = data.draw(st.sampled_from(DTYPES)), data.draw(st.sampled_from(SIZES))
    leaf = st.one_of(
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
        st.integers(-(2**64), 2**65).map(str),
        st.integers(-200, 300).map(str),
        st.sampled_from(TEXTS),
    )
    values = data.draw(st.lists(rows(sizes, leaf), max_size=4))
    envelope = data.draw(st.sampled_from(ENVELOPES))
    body = (envelope % ",".join(values)).encode()
    inputs = side(dtype, sizes)
    expected = listed(inputs, body)
    try:
        got = read(inputs, body)
    except OverflowError:
        assert isinstance(expected, str)
        return
    if got is not None:
        assert not isinstance(expected, str), expected
        assert got.dtype == expected.dtype
        assert got.shape == expected.shape
        assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", SIZES)
def test_plain_rows_are_read(dtype, sizes):
    array = np.arange(6 * int(np.prod(sizes))).reshape(6, *sizes).astype(dtype)
    body = json.dumps({"instances": array.tolist()}).encode()
    found = read(side(dtype, sizes), body)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, array)
    assert found.flags.writeable


def test_more_rows_than_are_taken_are_left_to_who_can_say_so():
    body = orjson.dumps({"instances": [[1.5, 2.5, 3.5]] * 20})
    inputs = side("float32", (3,))
    assert read(inputs, body, 20) is not None
    assert read(inputs, body, 19) is None


def test_bodies_are_joined_in_their_order():
    inputs = side("float32", (64,))
    reader = number_rows.of(inputs)
    arrays = [np.random.default_rng(n).normal(size=(n, 64)) for n in (1, 3, 2)]
    bodies = [orjson.dumps({"instances": each.tolist()}) for each in arrays]
    texts = [reader.read(body, 9)[1] for body in bodies]
    np.testing.assert_array_equal(reader.array(texts, 6), np.concatenate(arrays).astype("f4"))


@pytest.mark.parametrize(
    "inside",
    ["", " ", "[1,2 3]", "[1,,]", "[1,2,]3", "3[1,2,]", "[1,2,.]", "[1 ,2,3", "1]", "[1,2,-]"],
)
def test_bodies_are_not_joined_with_one_that_is_wrong(inside):
    reader = number_rows.of(side("float32", (3,)))
    _, text = reader.read(b'{"instances":[[1,2,3]]}', 9)
    found = reader.read(b'{"instances":[%b]}' % inside.encode(), 9)
    if found is not None:
        with pytest.raises(ValueError, match="something else"):
            reader.array([text, found[1]], 1 + found[0])


@pytest.mark.parametrize("body", [b'{"instances":[]}', b'{"instances":[ ]}'])
def test_a_body_without_a_number_is_no_row(body):
    reader = number_rows.of(side("float32", ()))
    with pytest.raises(ValueError, match="something else"):
        reader.array([reader.read(body, 9)[1]], 1)


@pytest.mark.parametrize(
    "inputs",
    [
        Side("objects", ()),
        Side("columns", (Field("a", "float64", (None,)),)),
        side("str", (3,)),
        side("bool", (3,)),
        side("float32", (None,)),
        side("float32", (0,)),
        side("float32", (1 << 21,)),
        Side("array", (Field("x", "float32", (2, 3)),)),
    ],
    ids=repr,
)
def test_there_is_none_for_other_rows(inputs):
    assert number_rows.of(inputs) is None


def test_a_number_that_is_too_large_is_named():
    body = orjson.dumps({"instances": [[1e39] + [0.5] * 99]})
    with pytest.raises(RequestError, match=r"instances\[0\]\[0\]: expected a finite number"):
        Codec(side("float32", (100,))).decode(body, "application/json")
