"""Answers as bodies of every content type, read by the libraries that own the format."""

import csv
import io
import json

import msgpack
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelbundle.runtime.data import media
from modelbundle.runtime.data.payload import Codec
from modelbundle.runtime.data.rows.fragments import Fragments
from modelbundle.runtime.errors import PredictionFailed
from modelbundle.runtime.manifests.signature import OBJECTS

CODEC = Codec(OBJECTS)
NULLS = Codec(OBJECTS, nan_as_null=True)
TABLES = (media.ARROW, media.ARROW_FILE, media.PARQUET)


def asked(output, kind, codec=CODEC):
    payload = codec.encode(output, kind)
    assert payload.content_type == kind
    return payload.body


def read(body, kind):
    if kind == media.PARQUET:
        return pq.read_table(io.BytesIO(body))
    opened = pa.ipc.open_stream if kind == media.ARROW else pa.ipc.open_file
    with opened(body) as reader:
        return reader.read_all()


@given(
    arrays.arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_]),
        st.sampled_from([(3,), (2, 4), (2, 3, 2)]),
    )
)
@settings(max_examples=40, deadline=None)
def test_an_array_comes_back_as_it_was(output):
    found = {"npy": np.load(io.BytesIO(asked(output, media.NPY)))}
    with np.load(io.BytesIO(asked(output, media.NPZ))) as members:
        found["npz"] = members["predictions"]
    for kind in TABLES:
        found[kind] = np.array(
            read(asked(output, kind), kind)["predictions"].to_pylist(), output.dtype
        )
    packed = msgpack.unpackb(asked(output, media.MSGPACK_NUMPY))["predictions"]
    found["msgpack"] = np.frombuffer(packed["data"], packed["type"]).reshape(packed["shape"])
    for name, array in found.items():
        np.testing.assert_array_equal(array, output, err_msg=name)


@pytest.mark.parametrize(
    ("given", "told"), [(np.longdouble, "<f8"), (np.clongdouble, "<c16"), ("f2", "<f2")]
)
def test_npy_has_no_floats_of_one_machine_and_no_byte_that_was_there_before(given, told):
    """Of the 16 bytes of such a float six are whatever stood in memory."""
    found = np.load(io.BytesIO(asked(np.full((2, 2), 1.5, given), media.NPY)))
    assert (found.dtype.str, found.tolist()) == (told, [[1.5, 1.5]] * 2)


def test_a_table_keeps_its_names_and_rows():
    frame = pd.DataFrame({"label": ["a", "b"], "score": [0.5, 0.25], "ok": [True, False]})
    for kind in TABLES:
        assert read(asked(frame, kind), kind).to_pylist() == frame.to_dict("records")
    lines = list(csv.DictReader(io.StringIO(asked(frame, media.CSV).decode())))
    assert lines == [
        {"label": "a", "score": "0.5", "ok": "true"},
        {"label": "b", "score": "0.25", "ok": "false"},
    ]
    with np.load(io.BytesIO(asked(frame, media.NPZ))) as members:
        assert {name: members[name].tolist() for name in members} == frame.to_dict("list")
    assert msgpack.unpackb(asked(frame, media.MSGPACK)) == {"predictions": frame.to_dict("records")}


def test_csv_of_a_matrix_is_what_the_server_itself_would_read():
    assert asked(np.array([[1.5, 2.0], [3.0, 4.0]]), media.CSV) == b"1.5,2.0\r\n3.0,4.0\r\n"
    assert asked(np.array(["a,b", "c"]), media.CSV) == b'"a,b"\r\nc\r\n'


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ([{"a": [1]}, {"a": [1, 2]}], media.NPZ),
        ([[1], [1, 2]], media.NPZ),
        ([[1], [1, 2]], media.CSV),
        (np.ones((2, 2, 2)), media.CSV),
        ([1, "a"], media.ARROW),
        ([1, {"a": 2}], media.PARQUET),
        (np.ones((2, 0)), media.ARROW),
        (["a"], media.NPY),
    ],
)
def test_what_has_no_place_in_a_body_is_answered_as_json(output, kind):
    assert CODEC.encode(output, kind).content_type == media.JSON


def test_the_next_wanted_is_tried_before_json():
    wanted = f"{media.NPY}, {media.PARQUET};q=0.5, {media.JSON};q=0.1"
    assert CODEC.encode(["a", "b"], wanted).content_type == media.PARQUET


def test_nan_is_a_number_in_arrays_and_none_in_text():
    output = np.array([1.0, np.nan])
    for kind in (media.ARROW, media.PARQUET, media.NPZ, media.MSGPACK_NUMPY):
        asked(output, kind)
    for kind in (media.CSV, media.MSGPACK):
        with pytest.raises(PredictionFailed):
            CODEC.encode(output, kind)
    assert asked(output, media.CSV, NULLS) == b'1.0\r\n""\r\n'
    assert msgpack.unpackb(asked(output, media.MSGPACK, NULLS)) == {"predictions": [1.0, None]}
    times = np.array(["2026-01-02", "NaT"], "datetime64[D]")
    for kind in (media.MSGPACK, media.MSGPACK_NUMPY):  # in which times are texts
        assert msgpack.unpackb(asked(times, kind, NULLS)) == {"predictions": ["2026-01-02", None]}
        with pytest.raises(PredictionFailed):
            CODEC.encode(times, kind)


@pytest.mark.parametrize("kind", media.ANSWERS)
@pytest.mark.parametrize(
    "rows",
    [
        ["yes", "no"],
        [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
        [[1, 2], [3, 4]],
        [1, None],
        [{"a": 1}, 2],
    ],
)
def test_rows_that_come_from_another_process_are_the_same_bytes(rows, kind):
    text, ends = b"", []
    for row in rows:
        text += json.dumps(row, separators=(",", ":")).encode() + b","
        ends.append(len(text))
    assert CODEC.encode(Fragments.of(text, ends, []), kind) == CODEC.encode(rows, kind)


def test_columns_of_unlike_lengths_are_an_error():
    with pytest.raises(PredictionFailed):
        CODEC.encode({"a": np.ones(2), "b": np.ones(3)}, media.PARQUET)


def test_the_same_output_is_the_same_bytes():
    output = {"a": np.ones(2), "b": ["x", "y"]}
    for kind in media.ANSWERS:
        assert CODEC.encode(output, kind) == CODEC.encode(output, kind)


@pytest.mark.parametrize("kind", TABLES)
def test_bytes_are_a_binary_column(kind):
    """They were a column `b64` of base64, or of structs, which no request may have."""
    raw = np.array([b"\0\xff", b""], object)
    assert read(asked(raw, kind), kind).to_pydict() == {"predictions": [b"\0\xff", b""]}
    found = read(asked({"raw": raw, "n": np.arange(2)}, kind), kind).to_pydict()
    assert found == {"raw": [b"\0\xff", b""], "n": [0, 1]}
    lists = np.array([[b"a", b"\0"]], object)
    assert read(asked(lists, kind), kind).to_pydict() == {"predictions": [[b"a", b"\0"]]}
    own = CODEC.encode([{"b64": "no base64"}], f"{kind}, {media.JSON};q=0.5")
    assert own.content_type == media.JSON


def test_bytes_have_no_csv_and_no_array():
    for kind in (media.CSV, media.NPZ, media.MSGPACK_NUMPY):
        payload = CODEC.encode(np.array([b"a"], object), f"{kind}, {media.JSON};q=0.5")
        read_ = msgpack.unpackb if payload.content_type == media.MSGPACK_NUMPY else json.loads
        assert read_(payload.body) == {"predictions": [{"b64": "YQ=="}]}


def test_a_text_that_ends_in_a_zero_is_no_array():
    """NumPy would read it without the zero."""
    for kind in (media.NPY, media.NPZ):
        payload = CODEC.encode(["a", "b\0"], f"{kind}, {media.JSON};q=0.5")
        assert json.loads(payload.body) == {"predictions": ["a", "b\0"]}


def test_an_answer_of_more_arrays_than_an_npz_may_have_comes_as_json():
    answer = {f"c{n}": np.ones(1) for n in range(5000)}
    payload = Codec(OBJECTS).encode(answer, f"{media.NPZ}, {media.JSON};q=0.5")
    assert payload.content_type == media.JSON
