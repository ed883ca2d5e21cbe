"""Sample rows: what counts as rows, and what is said of the rest."""

import datetime as dt
from array import array
from collections import UserList, deque
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

import modelbundle
from modelbundle.bundler.errors import SampleMismatch
from modelbundle.bundler.saving.recording import sample_rows
from modelbundle.bundler.store import Store
from modelbundle.runtime.models.model import LoadedModel


def inputs(model, sample):
    item = modelbundle.save("m", model, sample=sample)
    return LoadedModel.load(Store.default().directory(item)).manifest.methods["predict"].inputs


class Rows:
    """As a dataset of PyTorch: told one by one."""

    def __len__(self):
        return 1

    def __getitem__(self, place):
        return [1.0][place]


def echo(rows):
    return rows


def length(rows):
    return [1] * len(rows)


@pytest.mark.parametrize("sample", [range(4), deque([1, 2])])
def test_what_holds_rows_as_a_list_does_is_one(sample):
    assert inputs(echo, sample).layout == "objects"


def test_a_sparse_matrix_of_keys_is_no_dict_of_inputs():
    rows = sparse.dok_matrix(np.eye(3))
    assert np.array_equal(sample_rows.plain(rows).toarray(), np.eye(3))


def test_a_table_of_arrow_is_one_of_pandas():
    side = inputs(echo, pa.table({"age": [1, 2], "city": ["Oslo", "Bergen"]}))
    assert [(field.name, field.dtype) for field in side.fields] == [
        ("age", "int64"),
        ("city", "str"),
    ]


def test_a_lazy_table_is_collected():
    pl = pytest.importorskip("polars")
    assert inputs(length, pl.LazyFrame({"age": [1, 2]})).layout == "columns"


def test_what_is_masked_is_missing():
    masked = np.ma.masked_less(np.array([[1.0, -1.0], [2.0, 3.0]]), 0)
    field = inputs(length, masked).fields[0]
    assert (field.dtype, field.is_nullable) == ("float64", True)
    whole = np.ma.masked_less(np.array([[1, -1], [2, 3]]), 0)
    assert inputs(length, whole).fields[0].dtype == "float64"
    assert inputs(length, np.ma.masked_less(np.array([1, 2]), 0)).fields[0].dtype == "int64"


def test_columns_of_rare_dtypes_are_what_requests_will_bring():
    frame = pd.DataFrame(
        {
            "foreign": np.arange(2).astype(">f8"),
            "sparse": pd.arrays.SparseArray([0, 3]),
            "arrow": pd.array([1, None], "timestamp[ms][pyarrow]"),
            "zoned": pd.array([1, 2], pd.ArrowDtype(pa.timestamp("us", "Europe/Oslo"))),
            "usual": [1.5, 2.5],
        }
    )
    assert [(field.dtype, field.is_nullable) for field in inputs(length, frame).fields] == [
        ("float64", False),
        ("int64", False),
        ("datetime64[ms]", True),
        ("datetime64[us, Europe/Oslo]", False),
        ("float64", False),
    ]
    assert frame["foreign"].dtype == ">f8"


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        (np.array(3.0), "is one value, not rows"),
        ({1, 2}, "The sample is a `set`, not rows"),
        ("text", "The sample is a `str`, not rows"),
        ((row for row in [1]), "The sample is a `generator`, not rows"),
        (bytearray(b"ab"), "The sample is a `bytearray`, not rows"),
        ({"age": 41, "city": "Oslo"}, "`age` of the sample is one value, not rows"),
        ({"a": {"b": np.ones(3)}}, "`a` of the sample is one value, not rows"),
        ({"a": np.ones(3), "b": np.ones(2)}, "`a` has 3, `b` has 2"),
        ([], "The sample has no rows"),
        (np.ones((0, 4)), "The sample has no rows"),
        (pd.DataFrame({"a": []}), "The sample has no rows"),
        ({}, "The sample has no rows"),
        (np.zeros(2, [("a", "f8")]), "a structured array"),
        (np.ma.masked_equal(np.array(["a", "b"]), "b"), "are masked"),
    ],
)
def test_what_has_no_rows_is_refused_with_a_way_out(sample, said):
    with pytest.raises(SampleMismatch, match=said) as caught:
        modelbundle.save("m", length, sample=sample)
    assert caught.value.hint


@pytest.mark.parametrize(
    "sample", [{1}, (row for row in [1]), map(str, [1]), {1: 2}.values(), iter([1]), Rows()]
)
def test_what_can_be_made_a_list_is_told_how(sample):
    with pytest.raises(SampleMismatch, match="not rows") as caught:
        modelbundle.save("m", length, sample=sample)
    assert "list(rows)" in caught.value.hint


@pytest.mark.parametrize(
    "sample", [memoryview(np.ones((2, 3))), array("d", [1, 2]), UserList([[1.5], [2.5]])]
)
def test_buffers_and_what_is_like_a_list_are_rows(sample):
    assert sample_rows.plain(sample).__class__ in {np.ndarray, list}
    assert len(sample_rows.plain(sample)) == 2
    modelbundle.save("m", length, sample=sample)


def test_rows_that_a_request_brings_otherwise_are_told_of():
    with pytest.raises(SampleMismatch, match="fails on the same rows as a request brings") as found:
        modelbundle.save(
            "m",
            lambda rows: [row.year for row in rows],
            sample=[dt.datetime(2024, 1, 1)],  # noqa: DTZ001
        )
    assert "come as text" in found.value.hint


@pytest.mark.parametrize(
    ("value", "answers"),
    [(dt.date(2024, 1, 1), [1.0]), ([dt.date(2024, 1, 1)], [1.0]), (Decimal("1.10"), [1.0])],
)
def test_rows_that_are_answered_otherwise_from_a_request_are_told_of(value, answers):
    """A table of dates found none of those that a request brought, and the server said nothing."""

    def known(rows):
        return [float(repr(each) == repr(value)) for each in rows["when"]]

    assert known(pd.DataFrame({"when": [value]})) == answers
    with pytest.raises(SampleMismatch, match=r"\[0\]: expected 1.0, got 0.0\.") as found:
        modelbundle.save("m", known, sample=pd.DataFrame({"when": [value]}))
    assert "come as text" in found.value.hint


@pytest.mark.parametrize("known", ["a", True])
def test_a_gap_that_a_request_brings_otherwise_is_told_of(known):
    """Text that lacks is None or NaN by the version of pandas, and by where a table comes from."""

    def told(rows):
        return [{"None": 1.0, "nan": 2.0}.get(str(each), 0.0) for each in rows["a"]]

    def asked(rows):
        return rows["a"].isna()

    tables = [pd.DataFrame({"a": pd.Series([known, gap], dtype=object)}) for gap in (None, np.nan)]
    refused = []
    for table in tables:
        modelbundle.save("m", asked, sample=table)
        try:
            modelbundle.save("m", told, sample=table)
        except SampleMismatch as error:
            refused.append(error.hint)
    assert ["pandas.isna" in each for each in refused] == [True]


def test_codes_of_categories_that_no_request_brings_are_told_of():
    """Categories of times are not recorded: each request would have counted its own from 0."""
    table = pd.DataFrame({"when": pd.Categorical(pd.date_range("2024-01-01", periods=3))})
    with pytest.raises(SampleMismatch, match=r"\[0\]: expected 1, got 0\."):
        modelbundle.save("m", lambda rows: rows["when"].cat.codes, sample=table[1:])


def test_a_table_of_another_library_reaches_the_model_as_one_of_pandas():
    with pytest.raises(SampleMismatch, match="column_names") as found:
        modelbundle.save("m", lambda rows: rows.column_names, sample=pa.table({"a": [1]}))
    assert "pandas" in found.value.hint
