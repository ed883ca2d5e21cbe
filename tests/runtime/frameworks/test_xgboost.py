"""Boosters, called in place where that can be done."""

import numpy as np
import pytest
import xgboost

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.models.model import LoadedModel

ROWS = np.random.default_rng(0).random((60, 4))


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"objective": "multi:softprob", "num_class": 3},
        {"objective": "multi:softmax", "num_class": 3},
        {"objective": "binary:logistic"},
        {"booster": "gblinear"},
        {"booster": "dart"},
    ],
)
def test_a_booster_answers_as_its_own_predict_does(params):
    labels = (ROWS[:, 0] * params.get("num_class", 2)).astype(int)
    booster = xgboost.train(params, xgboost.DMatrix(ROWS, labels), 3)
    item = modelbundle.save("m", booster, sample=ROWS[:4])
    loaded = LoadedModel.load(Store.default().directory(item))
    asked = ROWS.copy()
    if params.get("booster") != "gblinear":
        asked[0, 1] = np.nan
    expected = booster.predict(xgboost.DMatrix(asked))
    assert np.array_equal(loaded.call("predict", asked), expected)
    whole = np.ones((2, 4), dtype="int64")
    assert np.array_equal(loaded.call("predict", whole), booster.predict(xgboost.DMatrix(whole)))


def test_another_number_of_columns_is_told_by_the_booster_itself():
    booster = xgboost.train({}, xgboost.DMatrix(ROWS, ROWS[:, 0]), 2)
    item = modelbundle.save("m", booster, sample=ROWS[:4])
    loaded = LoadedModel.load(Store.default().directory(item))
    with pytest.raises(ValueError, match="Feature shape mismatch"):
        loaded.call("predict", ROWS[:, :2])
