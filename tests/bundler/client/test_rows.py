"""Rows: what a caller has, as the body of a request."""

import datetime as dt
import io

import numpy as np
import orjson
import pandas as pd
import pytest
from scipy import sparse

from modelbundle.bundler.client import rows
from modelbundle.bundler.client.contract import Route
from modelbundle.bundler.client.wire.failures import WrongInput
from modelbundle.runtime.data import media
from modelbundle.runtime.manifests.signature import OBJECTS, Field, Side

TIMES = Side("columns", (Field("at", "datetime64[us, Europe/Oslo]", (None,)),))
PAIR = Side("tensors", (Field("ids", "int64", (None, 2)), Field("scale", "float64", (None,))))
MATRIX = Side("array", (Field("x", "float64", (None, 2)),))
WHOLE = Side("array", (Field("x", "uint64", (None, 2)),))
ANY = Side("array", (Field("x", "object", (None, 2)),))
WORDS = Side("array", (Field("word", "str", (None,)),))
TIME = "2024-01-01T00:00:00.000000000"


def instances(side, data):
    body, _ = rows.body(Route("/predict", inputs=side), data)
    return orjson.loads(body)["instances"]


def sent(side, data):
    """The rows as a list, whatever they were sent as."""
    takes = (media.JSON, media.NPY)
    body, kind = rows.body(Route("/predict", inputs=side, takes=takes), data)
    is_json = kind == media.JSON
    return orjson.loads(body)["instances"] if is_json else np.load(io.BytesIO(body)).tolist()


def test_times_with_a_zone_are_sent_as_utc():
    frame = pd.DataFrame({"at": pd.to_datetime(["2024-06-01T12:00:00"]).tz_localize("Europe/Oslo")})
    assert instances(TIMES, frame)[0]["at"].startswith("2024-06-01T10:00:00")


def test_numbers_that_pandas_may_lack_are_sent_as_numbers():
    side = Side("columns", (Field("n", "float64", (None,), is_nullable=True),))
    frame = pd.DataFrame({"n": pd.array([1, None], "Int64")})
    assert instances(side, frame) == [{"n": 1.0}, {"n": None}]


def test_a_tuple_of_arrays_is_the_models_inputs_in_their_order():
    given = (np.array([[1, 2], [3, 4]]), np.array([0.5, 1.5]))
    assert instances(PAIR, given) == [
        {"ids": [1, 2], "scale": 0.5},
        {"ids": [3, 4], "scale": 1.5},
    ]


def test_a_sparse_matrix_is_sent_whole():
    assert instances(MATRIX, sparse.csr_matrix([[0.0, 2.0]])) == [[0.0, 2.0]]


def test_what_is_masked_is_missing_and_not_what_lies_behind():
    side = Side("array", (Field("x", "float64", (None, 2), is_nullable=True),))
    rows_ = np.ma.masked_less(np.array([[1.0, -2.0]]), 0)
    body, kind = rows.body(Route("/predict", inputs=side), rows_)
    sent = np.load(io.BytesIO(body)) if "npy" in kind else orjson.loads(body)["instances"]
    np.testing.assert_array_equal(np.asarray(sent, float), [[1.0, np.nan]])


@pytest.mark.parametrize(
    "values",
    [
        pd.array(["2024-01-01T10:00:00.5", None], "timestamp[ms][pyarrow]"),
        np.array([dt.datetime(2024, 1, 1, 10, 0, 0, 500_000), None]),  # noqa: DTZ001
        [pd.Timestamp("2024-01-01T12:00:00.5+02:00"), pd.NaT],
        np.array([np.datetime64("2024-01-01T10:00:00.500"), np.datetime64("NaT", "ms")], object),
    ],
)
def test_times_are_sent_whatever_they_are_kept_in(values):
    side = Side("columns", (Field("at", "datetime64[us]", (None,), is_nullable=True),))
    wanted = ["2024-01-01T10:00:00.500000", None]
    frame = pd.DataFrame({"at": pd.Series(values, dtype=getattr(values, "dtype", object))})
    assert [row["at"] for row in instances(side, frame)] == wanted
    listed = [{"at": None if pd.isna(value) else value} for value in frame["at"]]
    assert [row["at"] for row in instances(side, listed)] == wanted


def test_a_series_is_sent_as_a_column_of_a_frame_is():
    side = Side("array", (Field("x", "float64", (None,), is_nullable=True),))
    body, _ = rows.body(Route("/predict", inputs=side), pd.Series([1, None], dtype="Int64"))
    assert orjson.loads(body)["instances"] == [1.0, None]


def test_a_table_of_thousands_of_columns_is_sent_as_json():
    """An npz of so many arrays is refused, for each takes a thousand times its size."""
    side = Side("columns", tuple(Field(f"c{n}", "float64", (None,)) for n in range(5000)))
    frame = pd.DataFrame(np.ones((1, 5000)), columns=[field.name for field in side.fields])
    assert len(instances(side, frame)[0]) == 5000


def test_columns_of_one_name_are_a_matrix_or_refused():
    frame = pd.DataFrame([[1.0, 2.0]], columns=["a", "a"])
    assert instances(MATRIX, frame) == [[1.0, 2.0]]
    with pytest.raises(WrongInput, match="two columns are called `a`"):
        instances(TIMES, frame)


@pytest.mark.parametrize(
    ("side", "data", "wanted"),
    [
        (OBJECTS, {"a": [1, "b"]}, [{"a": 1}, {"a": "b"}]),
        (OBJECTS, {"a": [True, 2]}, [{"a": True}, {"a": 2}]),
        (WHOLE, {"a": [2**63 + 1, 1], "b": [3, 4]}, [[2**63 + 1, 3], [1, 4]]),
        (WHOLE, pd.DataFrame({"a": [2**53 + 1], "b": [3.0]}), [[2**53 + 1, 3]]),
        (WHOLE, pd.DataFrame({"a": [1], "b": [True]}), [[1, 1]]),
        (MATRIX, {"a": [1, 2], "b": [3, 4.5]}, [[1, 3], [2, 4.5]]),
        (ANY, pd.DataFrame({"a": np.array(["2024-01-01"], "M8[ns]"), "b": ["x"]}), [[TIME, "x"]]),
        (OBJECTS, [{"a": np.array(["2024-01-01", "NaT"], "M8[ns]")}], [{"a": [TIME, None]}]),
    ],
)
def test_values_beside_others_are_sent_as_they_are(side, data, wanted):
    """NumPy makes texts of numbers beside texts, and floats of whole numbers beside floats."""
    assert sent(side, data) == wanted


@pytest.mark.parametrize(
    ("side", "data", "wanted"),
    [
        (WORDS, pd.array(["a", "b"], "string"), ["a", "b"]),
        (WORDS, pd.Categorical(["a", "b"]), ["a", "b"]),
        (WORDS, pd.DataFrame({"word": ["a", "b"]}), ["a", "b"]),
        (MATRIX, pd.DataFrame({"x": [np.array([1.0, 2.0])]}), [[1, 2]]),
        (MATRIX, {"x": [[1, 2], [3, 4]]}, [[1, 2], [3, 4]]),
        (PAIR, {"ids": pd.Series([[1, 2]]), "scale": pd.array([1], "Int64")}, [[[1, 2], 1]]),
    ],
)
def test_whatever_holds_a_column_is_sent(side, data, wanted):
    found = sent(side, data)
    assert [list(row.values()) if isinstance(row, dict) else row for row in found] == wanted


def test_an_index_of_times_with_a_zone_is_sent_as_utc():
    side = Side("array", (Field("at", "datetime64[us]", (None,)),))
    times = pd.to_datetime(["2024-06-01T12:00:00"]).tz_localize("Europe/Oslo")
    assert sent(side, times)[0].startswith("2024-06-01T10:00:00")


@pytest.mark.parametrize(
    ("side", "data", "words"),
    [
        (OBJECTS, [{"a": [1, float("inf")]}], "JSON has no infinity"),
        (ANY, np.array([[float("-inf"), "x"]], object), "JSON has no infinity"),
        (MATRIX, {"a": pd.to_datetime(["2024-01-01"]), "b": [1.0]}, "expected a number, got the s"),
        (MATRIX, {"a": [1, 2], "b": [1]}, "the columns differ"),
        (MATRIX, {}, "expected columns"),
        (PAIR, {"ids": [[1, 2], [3]], "scale": [1, 2]}, "ids"),
        (WORDS, {"word": ["a", 1]}, "expected a string, got 1"),
    ],
)
def test_what_would_arrive_as_something_else_is_refused(side, data, words):
    with pytest.raises(WrongInput, match=words):
        sent(side, data)
