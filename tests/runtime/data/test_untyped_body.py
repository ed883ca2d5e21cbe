"""Every content type gives the same batch, keeps the same limits, and survives damaged bytes."""

import io
import json
import random
import struct
from decimal import Decimal

import msgpack
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from modelbundle.runtime.data import media
from modelbundle.runtime.data.columnar.parquet_pages import Footer
from modelbundle.runtime.data.columnar.thrift import Broken
from modelbundle.runtime.data.payload import Codec
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.errors import (
    BadPayload,
    InvalidInput,
    PayloadTooLarge,
    RequestError,
    UnsupportedMediaType,
)
from modelbundle.runtime.manifests.signature import OBJECTS, Field, Side
from modelbundle.runtime.protobuf import encoded

from . import bodies

MATRIX = Side("array", (Field("x", "float32", (None, 3)),))
COLUMNS = Side(
    "columns",
    (Field("age", "int64", (None,)), Field("h", "float64", (None,)), Field("city", "str", (None,))),
)
TENSORS = Side("tensors", (Field("a", "float32", (None, 2)), Field("b", "int64", (None,))))
PIXELS = Side("array", (Field("x", "uint8", (None, 4, 5, 3)),))
SIDES = (MATRIX, COLUMNS, TENSORS, PIXELS, OBJECTS)
PEOPLE = {"age": [41, 17], "h": [1.5, 2.25], "city": ["Oslo", "Århus"]}


@given(arrays.arrays(np.float32, (4, 3), elements=st.floats(-1e6, 1e6, width=32)))
@settings(max_examples=25, deadline=None)
def test_an_array_is_the_same_batch_by_every_content_type(rows):
    for kind, body in bodies.of_array(rows).items():
        batch = Codec(MATRIX).decode(body, kind)
        assert batch.dtype == "float32", kind
        np.testing.assert_array_equal(batch, rows, err_msg=kind)


def test_columns_are_the_same_batch_by_every_content_type():
    wanted = Codec(COLUMNS).decode(bodies.of_columns(PEOPLE)[media.JSON], media.JSON)
    for kind, body in bodies.of_columns(PEOPLE).items():
        batch = Codec(COLUMNS).decode(body, kind)
        for name, column in wanted.items():
            assert batch[name].dtype == column.dtype, (kind, name)
            assert batch[name].tolist() == column.tolist(), (kind, name)


def test_free_rows_are_the_same_values_by_every_content_type():
    for kind, body in bodies.of_columns(PEOPLE).items():
        if kind != media.CSV:  # without a signature nobody knows what a cell is
            rows = Codec(OBJECTS).decode(body, kind)
            assert rows == [
                dict(zip(PEOPLE, row, strict=True)) for row in zip(*PEOPLE.values(), strict=True)
            ], kind


def test_named_tensors_come_as_npz_as_messages_and_as_parts():
    a, b = np.ones((3, 2), "float32"), np.arange(3)
    form = bodies.form(("a", bodies.npy(a), "a.npy"), ("b", bodies.npy(b), "b.npy"))
    packed = msgpack.packb({"instances": {"a": bodies.packed(a), "b": bodies.packed(b)}})
    rowwise = msgpack.packb(
        {"instances": [{"a": bodies.packed(row), "b": int(n)} for row, n in zip(a, b, strict=True)]}
    )
    lists = pa.table({"a": a.tolist(), "b": b})
    for body, kind in (
        (bodies.npz(a=a, b=b), media.NPZ),
        (bodies.npz(compressed=True, a=a, b=b), media.NPZ),
        (packed, media.MSGPACK),
        (rowwise, media.MSGPACK),
        (bodies.stream(lists), media.ARROW),
        (bodies.parquet(lists), media.PARQUET),
        form,
    ):
        batch = Codec(TENSORS).decode(body, kind)
        np.testing.assert_array_equal(batch["a"], a)
        np.testing.assert_array_equal(batch["b"], b)


def test_one_value_a_row_may_be_an_array_of_messagepack_whatever_a_row_has_of_lists():
    side = Side("array", (Field("x", "float32", (None,)),))
    rows = np.arange(3, dtype="float32")
    whole = {"instances": bodies.packed(rows)}
    batch = Codec(side, max_rows=3).decode(msgpack.packb(whole), media.MSGPACK_NUMPY)
    np.testing.assert_array_equal(batch, rows)
    rowwise = {"instances": [bodies.packed(row) for row in np.ones((3, 3), "float32")]}
    assert Codec(MATRIX, max_rows=3).decode(msgpack.packb(rowwise), media.MSGPACK).shape == (3, 3)


@pytest.mark.parametrize("unit", ["D", "s", "ms", "us", "ns"])
def test_times_come_as_npy_and_npz_to_whoever_takes_times(unit):
    times = np.array(["2024-02-29T03:04:05.123456789", "NaT"], f"datetime64[{unit}]")
    side = Side("array", (Field("t", f"datetime64[{unit}]", (None,), is_nullable=True),))
    for body, kind in ((bodies.npy(times), media.NPY), (bodies.npz(t=times), media.NPZ)):
        batch = Codec(side).decode(body, kind)
        assert batch.dtype == times.dtype
        np.testing.assert_array_equal(batch, times)
        assert Codec(OBJECTS, nan_as_null=True).decode(body, kind)[0] in (
            str(times[0]),
            {"t": str(times[0])},
        )


def test_a_time_is_no_number_of_nanoseconds():
    columns = pa.table({"t": pa.array([1], pa.timestamp("ns")), "x": [1.5], "y": [2.5]})
    with pytest.raises(InvalidInput, match="1970-01-01"):
        Codec(MATRIX).decode(bodies.parquet(columns), media.PARQUET)


def test_several_columns_side_by_side_are_an_array():
    columns = pa.table({"p": [1, 2], "q": [1.5, 2.5], "r": [0, 1]})
    batch = Codec(MATRIX).decode(bodies.parquet(columns), media.PARQUET)
    np.testing.assert_array_equal(batch, [[1, 1.5, 0], [2, 2.5, 1]])


def test_dictionaries_gaps_views_and_times_of_arrow_are_what_json_would_bring():
    side = Side(
        "columns",
        (
            Field("t", "datetime64[ns]", (None,), is_nullable=True),
            Field("s", "str", (None,), is_nullable=True),
            Field("c", "category", (None,)),
            Field("f", "float64", (None,), is_nullable=True),
        ),
    )
    columns = pa.table(
        {
            "t": pa.array([0, None], pa.timestamp("ms")),
            "s": pa.array([None, "b" * 30]).cast(pa.string_view()),
            "c": pa.array(["x", "x"]).dictionary_encode(),
            "f": [None, 1.5],
        }
    )
    rows = [
        {"t": "1970-01-01", "s": None, "c": "x", "f": None},
        {"t": None, "s": "b" * 30, "c": "x", "f": 1.5},
    ]
    wanted = Codec(side).decode(json.dumps({"instances": rows}).encode(), "")
    batch = Codec(side).decode(bodies.stream(columns), media.ARROW)
    for name in wanted:
        assert str(batch[name].tolist()) == str(wanted[name].tolist()), name


def test_a_form_of_values_is_one_row_and_one_file_the_body_itself():
    row = bodies.form(("city", "Århus".encode()), ("age", b"41"), ("h", b"1.5"))
    batch = Codec(COLUMNS).decode(*row)
    assert {name: column.tolist() for name, column in batch.items()} == {
        "age": [41],
        "h": [1.5],
        "city": ["Århus"],
    }
    file = bodies.form(("any", bodies.parquet(pa.table(PEOPLE)), "people.parquet"))
    assert Codec(COLUMNS).decode(*file)["age"].tolist() == [41, 17]


def picture(mode="RGB", size=(5, 4), kind="PNG"):
    file = io.BytesIO()
    Image.new(mode, size, 7 if mode in {"L", "I;16"} else None).save(file, kind)
    return file.getvalue()


def test_pictures_are_pixels_for_models_that_take_pixels():
    generator = np.random.default_rng(1)
    pixels = generator.integers(0, 256, (4, 5, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    np.testing.assert_array_equal(Codec(PIXELS).decode(file.getvalue(), "image/png"), pixels[None])
    first = Side("array", (Field("x", "uint8", (None, 3, None, None)),))
    np.testing.assert_array_equal(
        Codec(first).decode(file.getvalue(), "image/png"), np.moveaxis(pixels, 2, 0)[None]
    )
    gray = Side("array", (Field("x", "uint8", (None, 4, 5)),))
    assert Codec(gray).decode(picture("L"), "image/png").tolist() == [[[7] * 5] * 4]
    assert Codec(gray).decode(picture("L", kind="JPEG"), "image/jpeg").shape == (1, 4, 5)
    both = bodies.form(("p", file.getvalue(), "p.png"), ("q", picture(), "q.png"))
    assert Codec(PIXELS).decode(*both).shape == (2, 4, 5, 3)


@pytest.mark.parametrize(
    ("side", "body", "words"),
    [
        (MATRIX, picture(), "No decoder"),
        (Side("array", (Field("x", "float32", (None, 4, 5, 3)),)), picture(), "No decoder"),
        (PIXELS, picture(size=(6, 4)), "expected a picture of 5 x 4 pixels, got 6 x 4"),
        (Side("array", (Field("x", "uint8", (None, 4, 5)),)), picture("I;16"), "8 bits"),
        (PIXELS, picture()[:45], "not a PNG file"),
        (PIXELS, picture(kind="JPEG"), "not a PNG file"),
    ],
)
def test_pictures_that_would_have_to_be_guessed_at_are_refused(side, body, words):
    with pytest.raises(RequestError, match=words):
        Codec(side).decode(body, "image/png")


def huge_text_repeated():
    return pa.table({"age": [1] * 50, "h": [1.0] * 50, "city": ["x" * 100_000] * 50})


def zeros():
    return pa.table({"x": np.zeros(1_000_000)})


def repeated(coded=False):
    column = pa.array(["x" * 100_000] * 50)
    return pa.table(
        {"age": [1] * 50, "h": [1.0] * 50, "city": column.dictionary_encode() if coded else column}
    )


FREE = Side("array", (Field("x", "uint8", (None, None, None)),))
BOMBS = {
    "npz": (MATRIX, media.NPZ, lambda: bodies.npz(compressed=True, x=np.zeros((3, 1_000_000)))),
    "arrow zstd": (MATRIX, media.ARROW, lambda: bodies.stream(zeros(), compression="zstd")),
    "arrow lz4": (MATRIX, media.ARROW, lambda: bodies.stream(zeros(), compression="lz4")),
    "arrow file": (MATRIX, media.ARROW_FILE, lambda: bodies.arrow_file(zeros())),
    "parquet": (
        MATRIX,
        media.PARQUET,
        lambda: bodies.parquet(zeros(), compression="zstd", use_dictionary=False),
    ),
    "parquet lists": (
        MATRIX,
        media.PARQUET,
        lambda: bodies.parquet(pa.table({"x": [[0.0] * 500_000] * 3})),
    ),
    "parquet text": (COLUMNS, media.PARQUET, lambda: bodies.parquet(repeated())),
    "arrow text": (COLUMNS, media.ARROW, lambda: bodies.stream(repeated(coded=True))),
    "arrow views": (COLUMNS, media.ARROW, lambda: bodies.stream(shared_views(50))),
    "message": (
        MATRIX,
        media.MSGPACK,
        lambda: b"\x81\xa9instances\xdd\x00\x10\x00\x00" + b"\x90" * (1 << 20),
    ),
    "any message": (
        OBJECTS,
        media.MSGPACK,
        lambda: b"\x81\xa9instances\xdd\x00\x20\x00\x00" + b"\x90" * (1 << 21),
    ),
    "picture": (FREE, media.PNG, lambda: picture("L", (2000, 2000))),
}


def shared_views(count):
    """Many texts that are one and the same bytes."""
    data = b"x" * 100_000
    view = struct.pack("<i4sii", len(data), data[:4], 0, 0)
    buffers = [None, pa.py_buffer(view * count), pa.py_buffer(data)]
    column = pa.Array.from_buffers(pa.string_view(), count, buffers)
    return pa.table({"age": [1] * count, "h": [1.0] * count, "city": column})


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_is_inflated(name):
    side, kind, write = BOMBS[name]
    body = write()
    rows = 10_000_000 if kind in {media.ARROW, media.ARROW_FILE, media.PARQUET} else 4096
    before = pa.default_memory_pool().max_memory() or 0
    with pytest.raises(PayloadTooLarge):
        Codec(side, max_rows=rows, max_bytes=1_000_000).decode(body, kind)
    assert (pa.default_memory_pool().max_memory() or 0) - before < 2_000_000


@pytest.mark.parametrize(
    "kind", [media.ARROW, media.PARQUET, media.NPZ, media.NPY, media.CSV, media.MSGPACK_NUMPY]
)
def test_more_rows_than_the_limit_are_refused(kind):
    rows = np.zeros((7, 3), "float32")
    with pytest.raises(PayloadTooLarge, match="up to 6"):
        Codec(MATRIX, max_rows=6).decode(bodies.of_array(rows)[kind], kind)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[None]] * 2, pa.list_(pa.null())),
        pa.array([{"a": 1}] * 2),
        pa.array([None, [1, 2]]),
        pa.array([[{"a": 1}], []]),
        pa.RunEndEncodedArray.from_arrays([2], [1.0]),
        pa.array([b"ab", b"cd"], pa.binary(2)),
        pa.array([1, 2], pa.duration("s")),
    ],
)
def test_columns_that_no_signature_has_are_refused_in_words(column):
    with pytest.raises(InvalidInput, match="column `x`"):
        Codec(MATRIX).decode(bodies.stream(pa.table({"x": column})), media.ARROW)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (bodies.npz(x=np.array([object()])), media.NPZ, "not one of a plain array"),
        (bodies.npz(a=np.ones((2, 2)), b=np.ones(3)), media.NPZ, "differ in their number of rows"),
        (msgpack.packb([1]), media.MSGPACK, "Expected"),
        (msgpack.packb({"instances": 1}), media.MSGPACK, "expected a list of rows"),
        (b"\x81\xa9instances\x92\x82\xa1a\x01\xa1a\x02\xc0", media.MSGPACK, "more than once"),
        (
            msgpack.packb({"instances": [msgpack.ExtType(5, b"x")]}),
            media.MSGPACK,
            "extension type 5",
        ),
        (msgpack.packb({"instances": [[1]]}) + b"x", media.MSGPACK, "not MessagePack"),
        (b"--x\r\n", "multipart/form-data; boundary=x", "cut"),
        (b"--x--", "multipart/form-data; boundary=x", "cut"),
        (b"", "multipart/form-data", "boundary"),
        (b"--x\r\n\r\n\r\nb\r\n--x--", "multipart/form-data; boundary=x", "its name"),
        (*bodies.form(("a", b"1,2,3", "f.csv"), ("b", b"")), "not npy"),
        (
            *bodies.form(("a", b"", "f", "multipart/form-data; boundary=z")),
            "not multipart themselves",
        ),
        (*bodies.form(("a", b"1"), ("a", b"2")), "more than once"),
    ],
)
def test_what_is_wrong_is_said(body, kind, words):
    with pytest.raises(RequestError, match=words):
        Codec(MATRIX).decode(body, kind)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([[1, 2, 3], [4]], r"instances\[1\]: expected 3 numbers, got 1"),
        ([[[1, 2], [3]], []], r"instances\[0\]: expected 3 numbers, got 2"),
        (
            [["a", "b", "c"], ["d", "e", "f"]],
            r"instances\[0\]\[0\]: expected a number, got the str",
        ),
        ([[1, 2, None], [3, 4, 5]], r"instances\[0\]\[2\]: expected a number, got null"),
    ],
)
def test_lists_that_are_no_rows_of_a_matrix_are_the_clients_fault(column, words):
    for body, kind in (
        (bodies.stream(pa.table({"x": column})), media.ARROW),
        (bodies.parquet(pa.table({"x": column})), media.PARQUET),
    ):
        with pytest.raises(InvalidInput, match=words):
            Codec(MATRIX).decode(body, kind)


@pytest.mark.parametrize(
    ("field", "column"),
    [
        (Field("x", "str", (None, 2)), [["a", "b"], ["c", ""]]),
        (Field("x", "str", (None, None, 1)), [[["a"], ["b"]], [["c"], ["d"]]]),
        (Field("x", "str", (None, 2), is_nullable=True), [["a", None], ["c", "d"]]),
        (Field("x", "float64", (None, 2), is_nullable=True), [[1.5, None], [2.5, 3.5]]),
    ],
)
def test_lists_of_one_length_are_what_json_would_bring(field, column):
    side = Side("array", (field,))
    wanted = Codec(side).decode(json.dumps({"instances": column}).encode(), media.JSON)
    for body in (
        bodies.parquet(pa.table({"x": column})),
        bodies.parquet(pa.table({"x": column}), use_dictionary=False),
    ):
        batch = Codec(side).decode(body, media.PARQUET)
        assert batch.dtype == wanted.dtype
        np.testing.assert_array_equal(batch, wanted)
    batch = Codec(side).decode(bodies.stream(pa.table({"x": column})), media.ARROW)
    np.testing.assert_array_equal(batch, wanted)


@pytest.mark.parametrize(
    "column",
    [[["a"], [], ["b", "c"]], [[1], [2, 3], []], [[[1], [2, 3]], [], [[]]], [["a"], [None], []]],
)
def test_lists_of_many_lengths_are_lists_to_a_model_that_takes_them(column):
    side = Side("columns", (Field("x", "object", (None,)), Field("n", "int64", (None,))))
    rows = pa.table({"x": column, "n": [1, 2, 3]})
    for body, kind in ((bodies.stream(rows), media.ARROW), (bodies.parquet(rows), media.PARQUET)):
        assert Codec(side).decode(body, kind)["x"].tolist() == column
        assert [row["x"] for row in Codec(OBJECTS, nan_as_null=True).decode(body, kind)] == column


FEW = Side(
    "columns",
    (
        Field("x", "float64", (None,), is_nullable=True),
        Field("n", "int64", (None,)),
        Field("s", "str", (None,), is_nullable=True),
    ),
)


@pytest.mark.parametrize("write", [bodies.stream, bodies.parquet])
def test_what_databases_and_pandas_write_is_what_json_would_bring(write):
    kind = media.ARROW if write is bodies.stream else media.PARQUET
    frame = pd.DataFrame({"x": [1.5, 2.5], "n": [3, 4], "s": [None, None]}, index=[7, 9])
    rows = pa.Table.from_pandas(frame)
    assert "__index_level_0__" in rows.column_names
    decimals = pa.array([Decimal("1.50"), None], pa.decimal128(12, 2))
    rows = rows.set_column(0, "x", decimals).set_column(2, "s", pa.nulls(2))
    rows = rows.set_column(1, "n", pa.array([Decimal(3), Decimal(4)]))
    batch = Codec(FEW).decode(write(rows), kind)
    assert {name: column.tolist() for name, column in batch.items()} == {
        "x": [1.5, pytest.approx(np.nan, nan_ok=True)],
        "n": [3, 4],
        "s": [None, None],
    }


@pytest.mark.parametrize("options", [{}, {"use_dictionary": False}, {"version": "1.0"}])
def test_a_table_without_rows_is_one(options):
    rows = pa.table({"x": [1.5], "n": [1], "s": ["a"]}).slice(0, 0)
    for body, kind in (
        (bodies.parquet(rows, **options), media.PARQUET),
        (bodies.stream(rows), media.ARROW),
        (b"x,n,s\n", media.CSV),
        (b'{"instances": []}', media.JSON),
    ):
        batch = Codec(FEW).decode(body, kind)
        assert [len(column) for column in batch.values()] == [0, 0, 0], kind
        assert batch["x"].dtype == "float64"


def test_times_in_lists_are_times():
    side = Side("array", (Field("x", "datetime64[us]", (None, 2)),))
    times = np.array([["2024-02-29", "2024-03-01"]], "datetime64[us]")
    body = bodies.stream(pa.table({"x": times.tolist()}))
    np.testing.assert_array_equal(Codec(side).decode(body, media.ARROW), times)


def test_empty_lists_that_become_more_than_memory_has_are_refused():
    offsets = np.zeros(200_001, np.int32)
    offsets[-1] = 1
    column = pa.ListArray.from_arrays(pa.array(offsets), pa.array(["x"]))
    with pytest.raises(PayloadTooLarge, match="lists"):
        Codec(OBJECTS, max_rows=10**6, max_bytes=10**6).decode(
            bodies.stream(pa.table({"x": column})), media.ARROW
        )


def test_what_is_off_or_not_installed_is_said_with_its_name():
    body = bodies.of_array(np.zeros((1, 3)))[media.PARQUET]
    with pytest.raises(
        UnsupportedMediaType, match=r"`serve.formats` of the bundle does not name `parquet`"
    ):
        Codec(MATRIX, formats=frozenset({"arrow"})).decode(body, media.PARQUET)
    assert media.PARQUET not in Codec(MATRIX, formats=frozenset({"arrow"})).takes()
    assert media.ARROW in Codec(MATRIX, formats=frozenset({"arrow"})).takes()


def samples():
    yield from bodies.of_array(np.arange(6, dtype="float32").reshape(2, 3)).items()
    yield from bodies.of_columns(PEOPLE).items()
    yield media.ARROW, bodies.stream(pa.table(PEOPLE), compression="zstd")
    yield (
        media.PARQUET,
        bodies.parquet(pa.table(PEOPLE), data_page_version="2.0", compression="zstd"),
    )
    yield media.NPZ, bodies.npz(compressed=True, a=np.ones((2, 2)), b=np.ones(2))
    yield media.PNG, picture()
    yield media.JPEG, picture(kind="JPEG")
    yield tuple(reversed(bodies.form(("a", bodies.npy(np.ones((2, 2))), "a.npy"), ("b", b"1"))))


SAMPLES = list(samples())


def survives(side, body, kind):
    """Whatever comes is a batch, or an error for the client."""
    codec = Codec(side, max_rows=64, max_bytes=1 << 22)
    try:
        batch = codec.decode(body, kind)
    except RequestError as error:
        if not 400 <= error.status < 500:
            raise
    else:
        assert table.rows(batch) <= 64


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_bytes_that_were_changed_hurt_nobody(data):
    kind, body = data.draw(st.sampled_from(SAMPLES))
    side = data.draw(st.sampled_from(SIDES))
    seed = data.draw(st.integers(0, 2**32))
    generator = random.Random(seed)
    changed = bytearray(body)
    for _ in range(generator.choice([1, 1, 2, 4, 16])):
        what = generator.randrange(4)
        place = generator.randrange(len(changed)) if changed else 0
        if what == 0 and changed:
            changed[place] = generator.randrange(256)
        elif what == 1 and changed:
            changed[place : place + 4] = struct.pack(
                "<I", generator.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 12])
            )
        elif what == 2:
            del changed[place : place + generator.randrange(1, 20)]
        else:
            changed[place:place] = generator.randbytes(generator.randrange(1, 9))
    survives(side, bytes(changed), kind)


@given(
    st.sampled_from(sorted({kind for kind, _ in SAMPLES})),
    st.sampled_from(SIDES),
    st.binary(max_size=200) | st.sampled_from([body[: len(body) // 2] for _, body in SAMPLES]),
)
@settings(max_examples=200, deadline=None)
def test_any_bytes_hurt_nobody(kind, side, body):
    survives(side, body, kind)


def test_numbers_that_are_none_for_an_integer_are_the_clients_fault():
    side = Side("array", (Field("x", "int64", (None,)),))
    for body, kind in (
        (bodies.npy(np.array([1.0, np.nan])), media.NPY),
        (bodies.npz(x=np.array([np.inf])), media.NPZ),
    ):
        with pytest.raises(InvalidInput):
            Codec(side).decode(body, kind)


def test_a_parquet_encoding_that_hides_sizes_is_refused():
    text = pa.table({"x": ["a" * 50] * 3})
    body = bodies.parquet(text, use_dictionary=False, column_encoding={"x": "DELTA_BYTE_ARRAY"})
    with pytest.raises(BadPayload):
        Codec(Side("columns", (Field("x", "str", (None,)),))).decode(body, media.PARQUET)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_texts_of_parquet_may_be_stored_one_by_one(version):
    """As DuckDB writes them, in version 2 of the format."""
    body = bodies.parquet(
        pa.table({"city": ["Oslo", None, "Århus"], "age": [1, 2, 3]}),
        use_dictionary=False,
        column_encoding={"city": "DELTA_LENGTH_BYTE_ARRAY", "age": "DELTA_BINARY_PACKED"},
        data_page_version=version,
    )
    wanted = [{"city": city, "age": 1 + n} for n, city in enumerate(["Oslo", None, "Århus"])]
    assert Codec(OBJECTS).decode(body, media.PARQUET) == wanted


@pytest.mark.parametrize("name", ["at", "instances"])
def test_a_time_that_is_missing_is_null_like_a_number(name):
    at = np.array(["2024-01-01", "NaT"], "M8[ms]")
    wanted = ["2024-01-01T00:00:00.000", None]
    rows = wanted if name == "instances" else [{name: each} for each in wanted]
    for kind, body in (
        (media.PARQUET, bodies.parquet(pa.table({name: at}))),
        (media.ARROW, bodies.stream(pa.table({name: at}))),
        (media.NPZ, bodies.npz(**{name: at})),
    ):
        assert Codec(OBJECTS).decode(body, kind) == rows, kind
    assert Codec(OBJECTS).decode(bodies.npy(at), media.NPY) == wanted


def test_columns_of_parquet_that_share_pages_are_counted_apart():
    """A few bytes of a footer would have all pages of a file read again."""
    head = bytes.fromhex("150215001500" + "00")  # a page of a dictionary, of no bytes
    pages = head * 30_000

    def file(columns):
        leaf = b"\x15\x02\x38\x01x\x00"
        chunk = (
            b"\x3c\x15\x02\x29\x18\x01x\x26\x02\x26" + encoded(2 * len(pages)) + b"\x26\x08\x00\x00"
        )
        root = b"\x48\x01r\x15" + encoded(2 * columns) + b"\x00"
        group = b"\x19" + thrift_list([chunk] * columns) + b"\x26\x02\x00"
        footer = (
            b"\x29"
            + thrift_list([root] + [leaf] * columns)
            + b"\x16\x02\x19"
            + thrift_list([group])
            + b"\x00"
        )
        return b"PAR1" + pages + footer + struct.pack("<I", len(footer)) + b"PAR1"

    assert Footer.read(file(2)).rows == 1
    with pytest.raises(Broken, match="too many pages"):
        Footer.read(file(3))


def thrift_list(structs):
    """Of so many structs."""
    return b"\xfc" + encoded(len(structs)) + b"".join(structs)
