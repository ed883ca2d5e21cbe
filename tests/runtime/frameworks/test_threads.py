"""As many threads a call as the environment says, whatever the model was trained with."""

import numpy as np
import pytest

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.frameworks import threads
from modelbundle.runtime.models.model import LoadedModel

ROWS = np.random.default_rng(0).random((40, 3))


def loaded(model):
    item = modelbundle.save("m", model, sample=ROWS[:3])
    return LoadedModel.load(Store.default().directory(item))


@pytest.mark.parametrize(
    ("value", "number"), [("3", 3), ("", None), ("0", None), ("4,2", None), ("-1", None)]
)
def test_the_environment_is_read_as_openmp_reads_it(monkeypatch, value, number):
    monkeypatch.setenv(threads.VARIABLE, value)
    assert threads.asked() == number


def test_a_forest_trained_by_all_processors_is_served_by_as_many_as_are_left(monkeypatch):
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    forest = RandomForestRegressor(3, n_jobs=-1, random_state=0)
    pipeline = make_pipeline(StandardScaler(), forest).fit(ROWS, ROWS[:, 0])
    monkeypatch.delenv(threads.VARIABLE, raising=False)
    assert loaded(pipeline).object[-1].n_jobs == -1
    monkeypatch.setenv(threads.VARIABLE, "1")
    served = loaded(pipeline)
    assert served.object[-1].n_jobs == 1
    assert np.allclose(served.call("predict", ROWS), pipeline.predict(ROWS), rtol=1e-12)
    assert pipeline[-1].n_jobs == -1
    assert loaded(LinearRegression().fit(ROWS, ROWS[:, 0])).object.n_jobs is None


def test_boosters_and_graphs_keep_to_it_too(monkeypatch):
    import json

    import xgboost

    monkeypatch.setenv(threads.VARIABLE, "1")
    booster = xgboost.train({"nthread": 2}, xgboost.DMatrix(ROWS, ROWS[:, 0]), 2)
    config = json.loads(loaded(booster).object.save_config())
    assert config["learner"]["generic_param"]["nthread"] == "1"
    wrapper = xgboost.XGBRegressor(n_estimators=2, n_jobs=2).fit(ROWS, ROWS[:, 0])
    assert loaded(wrapper).object.n_jobs == 1


def test_onnx_starts_no_threads_beyond_it(monkeypatch):
    import skl2onnx
    from sklearn.linear_model import LinearRegression

    graph = skl2onnx.to_onnx(LinearRegression().fit(ROWS, ROWS[:, 0]), ROWS[:1])
    monkeypatch.setenv(threads.VARIABLE, "1")
    assert loaded(graph).object.get_session_options().intra_op_num_threads == 1
