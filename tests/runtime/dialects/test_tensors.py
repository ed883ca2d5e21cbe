"""Tensors to batches and back: every datatype, every layout."""

import struct
from contextlib import suppress
from itertools import accumulate

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelbundle.runtime.data.rows.fragments import Fragments
from modelbundle.runtime.dialects.tensors.batch import to_batch
from modelbundle.runtime.dialects.tensors.output import Spec, from_output, promised, specs
from modelbundle.runtime.dialects.tensors.tensor import DTYPES, Tensor, from_raw, to_raw
from modelbundle.runtime.errors import BadPayload, InvalidInput, PredictionFailed
from modelbundle.runtime.manifests.signature import OBJECTS, Field, Side, Signature

MATRIX = Side("array", (Field("x", "float32", (None, 2)),))
TABLE = Side(
    "columns",
    (
        Field("age", "int64", (None,)),
        Field("name", "str", (None,)),
    ),
)
NUMBERS = Side("columns", (Field("a", "float64", (None,)), Field("b", "float64", (None,))))
NAMED = Side("tensors", (Field("ids", "int64", (None, None)), Field("mask", "bool", (None, None))))
MIXED = Side("array", (Field("y", "object", (None, 3)),))
GAPS = Side(
    "columns",
    (
        Field("age", "float64", (None,), is_nullable=True),
        Field("city", "str", (None,), is_nullable=True),
        Field("id", "int64", (None,)),
    ),
)
HALF = Side("array", (Field("x", "bfloat16", (None,)),))


def bytes_of(name, *values, shape=None):
    return Tensor(name, "BYTES", shape or [len(values)], [each.encode() for each in values])


def numbers(name, array, datatype="FP32"):
    array = np.asarray(array, DTYPES[datatype])
    return Tensor(name, datatype, array.shape, array)


@pytest.mark.parametrize("datatype", DTYPES)
def test_raw_numbers_are_what_numpy_has_in_memory(datatype):
    """Little-endian, row-major, without padding."""
    array = np.array([[0, 1, 1], [1, 0, 1]], DTYPES[datatype])
    read = from_raw("x", datatype, [2, 3], array.tobytes())
    assert read.data.dtype == array.dtype
    np.testing.assert_array_equal(read.data, array)
    assert to_raw(read) == array.tobytes()


def test_raw_booleans_are_bytes_that_are_not_zero():
    """Some clients write other numbers than one."""
    assert from_raw("x", "BOOL", [3], b"\x00\x02\xff").data.tolist() == [False, True, True]


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_raw_bytes_stand_behind_their_lengths(values):
    """Four bytes each, little-endian."""
    raw = b"".join(struct.pack("<I", len(each)) + each for each in values)
    read = from_raw("x", "BYTES", [len(values)], raw)
    assert read.data == values
    assert to_raw(read) == raw


@given(arrays.arrays(np.float32, st.integers(0, 6), elements=st.floats(width=32)))
def test_bfloat16_is_the_nearest(array):
    """Read as float32, written to the nearest; what is no number stays none."""
    read = from_raw("x", "BF16", array.shape, to_raw(Tensor("x", "BF16", array.shape, array)))
    np.testing.assert_array_equal(np.isnan(read.data), np.isnan(array))
    finite = np.isfinite(array) & np.isfinite(read.data)
    np.testing.assert_allclose(read.data[finite], array[finite], rtol=2**-8, atol=1e-38)
    again = from_raw("x", "BF16", array.shape, to_raw(read))
    np.testing.assert_array_equal(again.data, read.data)


@given(arrays.arrays(np.uint32, 4, elements=st.integers(0, 2**32 - 1)), st.booleans())
def test_bfloat16_is_rounded_as_arithmetic_says(bits, is_between):
    """To the nearer of its two neighbors, and where both are as near to the even one."""
    bits = bits & ~np.uint32(0xFFFF) | 0x8000 if is_between else bits
    array = bits.view(np.float32)
    array = array[np.isfinite(array)]
    got = np.frombuffer(to_raw(Tensor("x", "BF16", array.shape, array)), "<u2")
    for value, half in zip(array, got, strict=True):
        below = int(value.view(np.uint32)) >> 16
        lower, upper = (
            (np.array([each << 16], np.uint32).view(np.float32).astype(np.float64)[0])
            for each in (below, below + 1)
        )
        if not np.isfinite(upper):
            continue
        down, up = abs(float(value) - lower), abs(upper - float(value))
        assert half == (below if down < up or (down == up and below % 2 == 0) else below + 1)


@given(st.lists(st.binary(max_size=5), max_size=4), st.binary(min_size=1, max_size=9))
def test_raw_bytes_end_where_the_last_value_ends(values, more):
    """Neither less nor more, and nothing is taken for a value that is none."""
    raw = b"".join(struct.pack("<I", len(each)) + each for each in values)
    for wrong in (raw + more, raw[: -len(more)]):
        with suppress(BadPayload):
            read = from_raw("x", "BYTES", [len(values)], wrong).data
            assert (read, wrong) == (values, raw)


@pytest.mark.parametrize(
    ("shape", "said"), [([1 << 32, 1 << 32], "total element count"), ([1 << 61], "byte size")]
)
def test_a_shape_speaks_of_no_more_than_there_can_be(shape, said):
    with pytest.raises(InvalidInput, match=said):
        from_raw("x", "FP64", shape, b"")


@pytest.mark.parametrize(
    ("datatype", "shape", "raw"),
    [
        ("FP32", [2], b"1234567"),
        ("FP32", [2], b"123456789"),
        ("BF16", [2], b"123"),
        ("BYTES", [1], b"\x05\x00\x00\x00abc"),
        ("BYTES", [1], b"\x01\x00\x00"),
        ("BYTES", [2], b"\x01\x00\x00\x00a"),
        ("BYTES", [1], b"\xff\xff\xff\xff"),
    ],
)
def test_raw_that_is_not_as_long_as_its_shape_is_refused(datatype, shape, raw):
    """Also where a length points beyond the end."""
    with pytest.raises(BadPayload, match="input 'x'"):
        from_raw("x", datatype, shape, raw)


@pytest.mark.parametrize(
    ("datatype", "shape"),
    [
        ("FP8", [1]),
        ("FP32", [-1]),
        ("FP32", [1] * 33),
        ("FP32", [0, 1 << 62, 1 << 62]),
        ("BYTES", [1 << 64, 0]),
        ("BOOL", [1 << 30, 0]),
    ],
)
def test_what_is_no_tensor_is_refused(datatype, shape):
    """An unknown datatype, an impossible shape."""
    with pytest.raises(InvalidInput):
        from_raw("x", datatype, shape, b"1234")


@given(
    st.sampled_from(["BYTES", "FP32", "BOOL", "BF16"]), st.lists(st.integers(-1, 9)), st.binary()
)
def test_any_raw_is_read_or_refused(datatype, shape, raw):
    """Nothing else happens, whatever the bytes."""
    with suppress(BadPayload, InvalidInput):
        assert from_raw("x", datatype, shape, raw).name == "x"


# --- to batches ---


def test_the_only_tensor_may_have_any_name():
    """Clients of other servers call theirs as they like."""
    batch = to_batch(MATRIX, [numbers("whatever", [[1, 2]], "INT32")])
    assert batch.dtype == np.float32
    assert batch.tolist() == [[1, 2]]


def test_a_tensor_a_column_makes_a_matrix():
    """Each of one value a row, in a list of its own or not."""
    batch = to_batch(MATRIX, [numbers("a", [1, 3]), numbers("b", [[2], [4]])])
    assert batch.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_one_value_a_row_may_stand_in_a_list_of_its_own(shape):
    """As MLServer's codecs write text and bytes."""
    text = Side("array", (Field("x", "str", (None,)),))
    assert to_batch(text, [bytes_of("x", "a", "b", shape=shape)]).tolist() == ["a", "b"]
    plain = Side("array", (Field("x", "float32", (None,)),))
    assert to_batch(plain, [numbers("x", np.reshape([1, 2], shape))]).tolist() == [1, 2]
    with pytest.raises(InvalidInput, match="shape"):
        to_batch(text, [bytes_of("x", "a", "b", shape=[1, 2])])


def test_columns_come_by_name():
    """In any order; strings as BYTES."""
    batch = to_batch(TABLE, [bytes_of("name", "Ann", "Bob"), numbers("age", [[3], [4]], "INT64")])
    assert batch["age"].tolist() == [3, 4]
    assert batch["name"].tolist() == ["Ann", "Bob"]


def test_a_matrix_has_the_columns_in_their_order():
    """One tensor of two axes."""
    batch = to_batch(NUMBERS, [numbers("input", [[1, 2], [3, 4]])])
    assert {name: column.tolist() for name, column in batch.items()} == {"a": [1, 3], "b": [2, 4]}


def test_tensors_come_by_name():
    """Whole numbers are not looked at one by one."""
    ids = np.arange(6).reshape(2, 3)
    batch = to_batch(NAMED, [numbers("mask", ids > 2, "BOOL"), numbers("ids", ids, "INT64")])
    np.testing.assert_array_equal(batch["ids"], ids)
    assert batch["mask"].dtype == bool


def test_objects_are_json_or_text():
    """What begins as JSON does and is none, is text."""
    rows = to_batch(
        OBJECTS, [bytes_of("x", '{"a": 1}', "[1, 2]", '"quoted"', "plain", "12", "{no")]
    )
    assert rows == [{"a": 1}, [1, 2], "quoted", "plain", "12", "{no"]
    assert to_batch(OBJECTS, [numbers("x", [[1, 2]])]) == [[1.0, 2.0]]
    records = to_batch(OBJECTS, [bytes_of("t", "a", "b"), numbers("n", [1, 2], "INT8")])
    assert records == [{"t": "a", "n": 1}, {"t": "b", "n": 2}]


@pytest.mark.parametrize(
    ("side", "tensors", "said"),
    [
        (MATRIX, [], "but got 0 inputs"),
        (MATRIX, [numbers("x", [[1, 2, 3]])], "inputs.x: expected shape (rows, 2), got (1, 3)"),
        (MATRIX, [numbers("x", [1.0])], "inputs.x: expected shape"),
        (MATRIX, [numbers("x", [[np.nan, 2]])], "inputs.x[0][0]"),
        (MATRIX, [numbers("x", [1]), numbers("x", [1])], "same name"),
        (MATRIX, [numbers("a", [1]), numbers("b", [1, 2])], "number of rows"),
        (MATRIX, [numbers("a", [1]), numbers("b", [1]), numbers("c", [1])], "expected one tensor"),
        (MATRIX, [numbers("a", [[1, 2]]), numbers("b", [1])], "inputs.a: expected one value a row"),
        (MATRIX, [numbers("a", 1), numbers("b", 1)], "inputs.a: expected one value a row"),
        (MATRIX, [bytes_of("x", "a", "b", shape=[1, 2])], "expected a number"),
        (TABLE, [numbers("age", [3], "INT64")], "missing required input(s) ['name']"),
        (TABLE, [numbers("age", [3]), numbers("other", [3])], "unexpected tensor `other`"),
        (TABLE, [numbers("age", [3.5]), bytes_of("name", "a")], "inputs[0].age"),
        (TABLE, [Tensor("name", "BYTES", [1], [b"\xff"]), numbers("age", [3])], "UTF-8"),
        (NAMED, [numbers("ids", [[1]], "INT64"), numbers("mask", [[1], [1]], "BOOL")], "rows"),
        (OBJECTS, [numbers("x", [np.inf])], "finite"),
        (OBJECTS, [], "missing required input(s) ['input']"),
        (MIXED, [bytes_of("x", "[1]", "a", shape=[2, 1])], "inputs.x: expected shape"),
        (GAPS, [numbers("id", 1, "INT64")], "inputs.id: expected shape (rows), got ()"),
        (TABLE, [numbers("age", [3]), Tensor("name", "BYTES", [], [b""])], "inputs.name: expected a"),
        (HALF, [numbers("x", [np.nan])], "inputs.x: expected a value everywhere, got NaN"),
        (HALF, [numbers("x", [np.inf])], "inputs.x: expected a value everywhere, got an infinity"),
        (OBJECTS, [numbers("x", [1]), numbers("y", [1, 2])], "number of rows"),
        (OBJECTS, [bytes_of("x", "[" * 300 + "]" * 300)], "levels deep"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(side, tensors, said):
    """The tensor, what was expected and what came."""
    with pytest.raises(InvalidInput) as refused:
        to_batch(side, tensors)
    assert said in refused.value.detail


# --- from answers ---


def outputs(side, output):
    return [
        (t.name, t.datatype, list(t.shape), to_raw(t))
        for t in from_output(Signature(outputs=side), output)
    ]


def test_an_array_is_called_as_the_signature_says():
    """Of whatever number it is made."""
    array = np.array([[1.5]], np.float32)
    assert outputs(MATRIX, array) == [("x", "FP32", [1, 1], array.tobytes())]
    assert outputs(OBJECTS, np.array([True])) == [("output", "BOOL", [1], b"\x01")]
    assert outputs(OBJECTS, np.array([1.5], np.longdouble))[0][1] == "FP64"


def test_several_arrays_are_several_tensors():
    """By their own names, or by their place."""
    one, two = np.array([1]), np.array(["a"])
    assert [each[:3] for each in outputs(NAMED, {"p": one, "q": two})] == [
        ("p", "INT64", [1]),
        ("q", "BYTES", [1]),
    ]
    assert [each[0] for each in outputs(NAMED, (one, two))] == ["ids", "mask"]
    assert [each[0] for each in outputs(OBJECTS, (one, two))] == ["output-0", "output-1"]


@pytest.mark.parametrize(
    ("rows", "datatype", "shape", "values"),
    [
        (["a", "ö"], "BYTES", [2], [b"a", "ö".encode()]),
        ([b"\xff"], "BYTES", [1], [b"\xff"]),
        ([1, 2], "INT64", [2], [1, 2]),
        ([1, 2.5], "FP64", [2], [1.0, 2.5]),
        ([True], "BOOL", [1], [True]),
        ([[1, 2], [3, 4]], "INT64", [2, 2], [1, 2, 3, 4]),
        ([[1], [2, 3]], "BYTES", [2], [b"[1]", b"[2,3]"]),
        ([1, "a", None], "BYTES", [3], [b"1", b"a", b"null"]),
        ([{"a": 1}, {"b": 1}], "BYTES", [2], [b'{"a":1}', b'{"b":1}']),
        ([{"b64": "/w=="}], "BYTES", [1], [b"\xff"]),
        ([["a", "b"]], "BYTES", [1, 2], [b"a", b"b"]),
        ([[{"b64": "/w=="}]], "BYTES", [1, 1], [b"\xff"]),
        ([["a"], ["b", "c"]], "BYTES", [2], [b'["a"]', b'["b","c"]']),
        ([["a", 1]], "BYTES", [1], [b'["a",1]']),
        ([1 << 70], "BYTES", [1], [b"1180591620717411303424"]),
        ([object()], "BYTES", [1], None),
        ([], "BYTES", [0], []),
    ],
)
def test_rows_become_one_tensor(rows, datatype, shape, values):
    """Numbers and strings as such, anything else as JSON."""
    if values is None:
        with pytest.raises(PredictionFailed):
            from_output(Signature(), rows)
        return
    (tensor,) = from_output(Signature(), rows)
    assert (tensor.datatype, list(tensor.shape)) == (datatype, shape)
    got = tensor.data if isinstance(tensor.data, list) else tensor.data.ravel().tolist()
    assert got == values


def test_records_become_a_tensor_a_field():
    """Also where they come from another process as JSON."""
    text, ends = b'{"a":1,"b":"x"},{"a":2,"b":"y"},', [16, 32]
    for rows in ([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], Fragments.of(text, ends, [])):
        a, b = from_output(Signature(), rows)
        assert (a.name, a.data.tolist()) == ("a", [1, 2])
        assert (b.name, b.data) == ("b", [b"x", b"y"])


def test_names_of_fields_are_text_whatever_they_are_to_the_model():
    """A number would be the name of a tensor where the model runs in a thread of the server."""
    tensors = from_output(Signature(), [{1: 2.0, None: 3.0}, {1: 4.0, None: 5.0}])
    assert [each.name for each in tensors] == ["1", "None"]


def test_times_are_text():
    """In ISO 8601."""
    (tensor,) = from_output(Signature(), np.array(["2024-01-02"], "datetime64[D]"))
    assert tensor.data == [b"2024-01-02"]


@pytest.mark.parametrize("output", [np.float32(1), np.array(1), 3, None])
def test_what_has_no_rows_is_the_models_fault(output):
    """Never the client's."""
    with pytest.raises(PredictionFailed):
        from_output(Signature(), output)


def test_metadata_of_a_signature():
    """-1 for what may vary; what is no number is BYTES."""
    assert specs(TABLE, "input") == [Spec("age", "INT64", (-1,)), Spec("name", "BYTES", (-1,))]
    assert specs(MATRIX, "input") == [Spec("x", "FP32", (-1, 2))]
    assert specs(OBJECTS, "input") == [Spec("input", "BYTES", (-1,))]
    side = Side("array", (Field("x", "bfloat16", (None,)),))
    assert specs(side, "input") == [Spec("x", "BF16", (-1,))]


def test_outputs_within_an_output_are_records_of_json():
    rows = np.array([[1.0, 2.0]])
    (tensor,) = from_output(Signature(outputs=OBJECTS), {"hidden": (rows, rows[:, 0])})
    assert tensor == Tensor("hidden", "BYTES", (1,), [b'{"output-0":[1.0,2.0],"output-1":1.0}'])


def test_a_number_that_is_none_is_null_in_json():
    """JSON has no word for it; wherever the model runs."""
    nan = np.nan
    (tensor,) = from_output(Signature(outputs=OBJECTS), {"h": (np.array([nan]), np.array([1.5]))})
    assert tensor.data == [b'{"output-0":null,"output-1":1.5}']
    gap = (0, "It is NaN.", "It is NaN.", True)
    elsewhere = Fragments.of(b'["a",null,1],', [13], [gap])
    for rows in ([["a", nan, 1]], np.array([["a", nan, 1]], object), elsewhere):
        for side in (OBJECTS, MIXED):
            (tensor,) = from_output(Signature(outputs=side), rows)
            assert tensor.data == [b'["a",null,1]']


def test_a_column_is_of_the_datatype_that_metadata_promise_whatever_is_missing():
    side = Side("columns", (Field("n", "float64", (None,)), Field("s", "str", (None,))))
    for numbers in ([1, None], [1, 2], [None, None]):
        here = pd.DataFrame({"n": pd.array(numbers, "Int64"), "s": ["a", "b"]})
        texts = [b"null" if each is None else b"%d" % each for each in numbers]
        ends = list(accumulate(len(text) + 1 for text in texts))
        rows = Fragments.of(b",".join(texts) + b",", ends, [])  # of a process of its own
        elsewhere = {"n": rows, "s": ["a", "b"]}
        for answer in (here, elsewhere):
            first, second = from_output(Signature(outputs=side), answer)
            assert (first.datatype, second.datatype) == ("FP64", "BYTES")
            wanted = [np.nan if each is None else each for each in numbers]
            np.testing.assert_array_equal(first.data, wanted)


@pytest.mark.parametrize(
    ("value", "datatype"), [(np.float64(1.5), "FP64"), (np.int32(3), "INT64"), (np.True_, "BOOL")]
)
def test_numbers_of_numpy_in_records_are_numbers(value, datatype):
    (tensor,) = from_output(Signature(), [{"a": value}, {"a": value}])
    assert (tensor.datatype, tensor.data.tolist()) == (datatype, [value.item()] * 2)


def test_columns_with_gaps_are_optional():
    """One that is not there has no value anywhere; one without gaps has to be there."""
    batch = to_batch(GAPS, [numbers("id", [1, 2], "INT64"), bytes_of("city", "a", "b")])
    assert np.isnan(batch["age"]).all()
    assert batch["city"].tolist() == ["a", "b"]
    assert to_batch(GAPS, [numbers("id", [1], "INT64")])["city"].tolist() == [None]
    assert to_batch(GAPS, [numbers("id", [], "INT64")])["age"].shape == (0,)
    with pytest.raises(InvalidInput, match=r"missing required input\(s\) \['id'\]"):
        to_batch(GAPS, [numbers("age", [1.0], "FP64")])
    assert [each.is_optional for each in specs(GAPS, "input")] == [True, True, False]


ROWS = [["a", 1, 2.5], ["1", None, True]]


@pytest.mark.parametrize("kind", [list, lambda rows: np.array(rows, object)])
def test_rows_of_several_kinds_keep_them(kind):
    """JSON, a row each, whoever holds them; and back."""
    (told,) = from_output(Signature(MIXED, MIXED), kind(ROWS))
    assert (told.name, told.datatype, told.shape) == ("y", "BYTES", (2,))
    assert told.data == [b'["a",1,2.5]', b'["1",null,true]']
    assert promised(MIXED, "output") == [Spec("y", "BYTES", (-1,))]
    batch = to_batch(MIXED, [told])
    assert batch.tolist() == ROWS


def test_texts_stay_a_tensor_of_texts():
    """A value each, where nothing was said of other kinds."""
    (told,) = from_output(Signature(OBJECTS, OBJECTS), np.array([["a", "b"]], object))
    assert (told.shape, told.data) == ((1, 2), [b"a", b"b"])
    (told,) = from_output(Signature(OBJECTS, OBJECTS), np.array([1, 2], object))
    assert told.datatype == "INT64"
    batch = to_batch(MIXED, [bytes_of("y", "a", "1", "2", shape=[1, 3])])
    assert batch.tolist() == [["a", "1", "2"]]


def test_numbers_of_another_byte_order_have_json():
    """As they have binary data."""
    (told,) = from_output(Signature(OBJECTS, OBJECTS), np.array([1.0, 2.5], ">f4"))
    assert told.data.dtype.isnative
    assert (told.datatype, told.data.tolist()) == ("FP32", [1.0, 2.5])


def test_what_is_promised_in_half_precision():
    """Is told so, though Python's numbers were in between."""
    side = Side("array", (Field("x", "bfloat16", (None,)),))
    for output in ([1.5, 2.0], np.array([1.5, 2.0])):
        (told,) = from_output(Signature(OBJECTS, side), output)
        assert told.datatype == "BF16"
        assert to_raw(told) == b"\xc0\x3f\x00\x40"


def test_a_time_that_is_missing_comes_back_as_it_was_told():
    """Where it may be missing."""
    side = Side("array", (Field("t", "datetime64[ns]", (None,), is_nullable=True),))
    times = np.array(["2024-02-29", "NaT"], "datetime64[ns]")
    (told,) = from_output(Signature(side, side), times)
    batch = to_batch(side, [told])
    assert np.array_equal(batch, times, equal_nan=True)
    sure = Side("array", (Field("t", "datetime64[ns]", (None,)),))
    with pytest.raises(InvalidInput, match="NaT"):
        to_batch(sure, [told])
