"""Advice: the hint names what this model has, not what models have in general."""

import numpy as np
import pytest

import modelbundle
from modelbundle.bundler.errors import SampleMismatch


class Survival:
    """As libraries of survival analysis have it: `score` wants labels, and there is no `predict`."""

    def score(self, rows):
        raise KeyError(rows[0][0])

    def predict_median(self, rows):
        return [row[0] for row in rows]

    predict_one = 3


class Online:
    """As libraries of online learning have it."""

    def predict_one(self, row):
        return sum(row.values())


def hint(model, sample, **options):
    with pytest.raises(SampleMismatch) as caught:
        modelbundle.save("m", model, sample=sample, **options)
    return caught.value.hint


def test_other_methods_are_named():
    wanted = "It has `predict_median`: name what is to be served, with `--method predict_median`."
    assert hint(Survival(), [[1.0], [2.0]]) == wanted
    assert modelbundle.save("m", Survival(), sample=[[1.0]], methods=["predict_median"])


def test_a_method_for_one_row_becomes_a_function_of_rows():
    rows = [{"a": 1.0}, {"a": 2.0}]
    assert "lambda rows: [model.predict_one(row) for row in rows]" in hint(
        Online(), rows, methods=["predict_one"]
    )
    assert "lambda rows: [model(row) for row in rows]" in hint(lambda row: row["a"] + 1, rows)
    assert modelbundle.save("m", lambda rows: [row["a"] for row in rows], sample=rows)


def test_what_fails_either_way_gets_no_such_advice():
    assert hint(lambda row: row["b"] + 1, [{"a": 1.0}]).startswith("Give rows as the model")


def test_answers_that_are_not_one_a_row_are_told_when_they_are_saved():
    with pytest.warns(UserWarning, match="answered 2 rows for the 3 of the sample"):
        modelbundle.save("m", np.unique, sample=np.array([3.0, 1.0, 1.0]))
    modelbundle.save("m", np.unique, sample=np.array([3.0]))
    modelbundle.save("m", np.negative, sample=np.array([3.0, 1.0, 1.0]))
