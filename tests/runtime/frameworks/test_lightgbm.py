"""LightGBM models, as they answer after they were saved."""

import lightgbm
import numpy as np
import pandas as pd
import pytest

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.errors import InvalidInput
from modelbundle.runtime.models.model import LoadedModel

MIXED = pd.DataFrame(
    {
        "city": pd.Categorical(["Rome", "Oslo", "Bern"] * 20),
        "size": np.arange(60.0),
        "floor": pd.Categorical([3, 1] * 30),
        "old": pd.array([True, None, False] * 20, "boolean"),
        "one": pd.Categorical(["k"] * 60),
    }
)
RECORDS = [
    {"city": "Oslo", "size": 3.0, "floor": 1, "old": None, "one": "k"},
    {"city": "Rome", "size": None, "floor": 3, "old": True, "one": "k"},
]
ROWS = pd.DataFrame(np.random.default_rng(0).random((60, 2)), columns=["a", "b"])


def _logistic(labels, scores):
    likely = 1 / (1 + np.exp(-scores))
    return likely - labels, likely * (1 - likely)


@pytest.mark.filterwarnings("ignore:Cannot compute class probabilities")
def test_a_classifier_with_an_objective_of_the_authors_answers_raw_scores_as_before():
    """As the library does for these; they were taken for probabilities once it was loaded."""
    model = lightgbm.LGBMClassifier(n_estimators=3, objective=_logistic, verbose=-1)
    model.fit(ROWS, ROWS["a"] > ROWS["b"])
    item = modelbundle.save("m", model, sample=ROWS.head(3))
    loaded = LoadedModel.load(Store.default().directory(item))
    for method in ("predict", "predict_proba"):
        expected = getattr(model, method)(ROWS)
        assert np.array_equal(loaded.call(method, ROWS), expected), method


def test_without_a_sample_a_booster_takes_missing_numbers_in_arrays_too():
    """JSON's null was taken, and NaN in an npy body refused."""
    model = lightgbm.train({"verbose": -1}, lightgbm.Dataset(ROWS, ROWS["a"]), 3)
    loaded = LoadedModel.load(Store.default().directory(modelbundle.save("m", model)))
    asked = ROWS.to_numpy(copy=True)[:4]
    asked[::2, 0] = np.nan
    batch = table.accept(loaded.manifest.methods["predict"].inputs, asked)
    assert np.array_equal(loaded.call("predict", batch), model.predict(asked))


@pytest.mark.parametrize(
    "sample", [MIXED.head(3), RECORDS[::-1], None], ids=["table", "text", "no"]
)
def test_categories_and_gaps_are_those_of_training_whatever_the_sample_could_say(sample):
    """Text and lists have no categories, nor has a model without a sample; null has no type."""
    wanted = np.arange(60.0) + 40 * MIXED["city"].cat.codes - 9 * MIXED["floor"].cat.codes
    model = lightgbm.LGBMRegressor(n_estimators=5, min_child_samples=3, verbose=-1)
    model.fit(MIXED, wanted)
    loaded = LoadedModel.load(
        Store.default().directory(modelbundle.save("m", model, sample=sample))
    )
    side = loaded.manifest.methods["predict"].inputs
    asked = pd.DataFrame(RECORDS).astype({name: MIXED[name].dtype for name in MIXED})
    for place in range(2):  # alone, so that what is null is all that there is
        answer = loaded.call("predict", table.collate(side, RECORDS[place : place + 1]))
        assert answer.tolist() == model.predict(asked[place : place + 1]).tolist()


def test_text_for_a_number_is_the_clients_error_where_no_sample_says_so():
    model = lightgbm.train({"verbose": -1}, lightgbm.Dataset(ROWS, ROWS["a"]), 3)
    loaded = LoadedModel.load(Store.default().directory(modelbundle.save("m", model)))
    batch = table.collate(loaded.manifest.methods["predict"].inputs, [{"a": "x", "b": 1}])
    with pytest.raises(InvalidInput, match=r"instances\.a: expected a number, got `x`"):
        loaded.call("predict", batch)
