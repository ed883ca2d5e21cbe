"""LightGBM models, as they answer after they were saved."""

import lightgbm
import numpy as np
import pandas as pd
import pytest

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.models.model import LoadedModel

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
