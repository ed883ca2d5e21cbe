"""Rows: what a caller has, as the body of a request."""

import numpy as np
import orjson
import pandas as pd
from scipy import sparse

from modelbundle.bundler.client import rows
from modelbundle.bundler.client.contract import Route
from modelbundle.runtime.signature import Field, Side

TIMES = Side("columns", (Field("at", "datetime64[us, Europe/Oslo]", (None,)),))
PAIR = Side("tensors", (Field("ids", "int64", (None, 2)), Field("scale", "float64", (None,))))
MATRIX = Side("array", (Field("x", "float64", (None, 2)),))


def instances(side, data):
    body, _ = rows.body(Route("/predict", inputs=side), data)
    return orjson.loads(body)["instances"]


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
