"""Models that need labels of a table which no request brings: its index, or names that are no text."""

import pandas as pd
import pytest

import modelbundle
from modelbundle.bundler.errors import SampleMismatch
from modelbundle.bundler.store import Store

WEEK = pd.date_range("2024-01-01", periods=4)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def by_day(frame):
    return frame["a"] + frame.index.day


def named(frame):
    return [f"{label}" for label in frame.index]


def lowest_first(frame):
    return frame["a"].sort_index()


def of_levels(frame):
    return frame["a"].sum(axis=1)


def by_number(frame):
    return frame[0]


@pytest.mark.parametrize(
    ("function", "index", "message"),
    [
        (by_day, WEEK, "`predict` fails on the sample"),
        (named, list("abcd"), "`predict` answers otherwise without the index of the sample"),
    ],
)
def test_a_model_that_reads_an_index_is_refused(store, function, index, message):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0]}, index=index)
    with pytest.raises(SampleMismatch, match=message) as refused:
        modelbundle.save("labels", function, sample=frame, store=store)
    assert "`frame.reset_index()`" in refused.value.hint


@pytest.mark.parametrize("function", [lowest_first, lambda frame: frame["a"] * 2])
def test_rows_that_were_chosen_from_a_table_keep_their_numbers(store, function):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0]}, index=[7, 3, 11, 5])
    assert modelbundle.save("labels", function, sample=frame, store=store).name == "labels"


@pytest.mark.parametrize(
    ("function", "columns", "message"),
    [
        (of_levels, pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]), "take \"('a', 'x')\" for"),
        (by_number, [0, 1], "take '0' for `0`"),
    ],
)
def test_names_that_are_no_text_are_told(store, function, columns, message):
    frame = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], columns=columns)
    with pytest.raises(SampleMismatch, match="KeyError") as refused:
        modelbundle.save("labels", function, sample=frame, store=store)
    assert message in refused.value.hint
