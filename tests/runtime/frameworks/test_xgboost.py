"""Boosters, called in place where that can be done."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.base import clone

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.data.codecs import csv_rows
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.errors import BundleError, InvalidInput, NoDevice
from modelbundle.runtime.frameworks.xgboost import Xgboost
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


WRAPPERS = {
    "binary": xgboost.XGBClassifier(n_estimators=3),
    "classes": xgboost.XGBClassifier(n_estimators=3, objective="multi:softprob"),
    "softmax": xgboost.XGBClassifier(n_estimators=3, objective="multi:softmax"),
    "forest": xgboost.XGBRFClassifier(n_estimators=3),
    "regressor": xgboost.XGBRegressor(n_estimators=3, missing=0.5),
    "stopped early": xgboost.XGBRegressor(n_estimators=9, early_stopping_rounds=1),
    "dart": xgboost.XGBRegressor(n_estimators=3, booster="dart"),
    "linear": xgboost.XGBRegressor(n_estimators=3, booster="gblinear"),
}


@pytest.fixture(params=WRAPPERS)
def wrapper(request):
    """A model of scikit-learn's kind, and the same as a server loads it."""
    model = clone(WRAPPERS[request.param]).set_params(n_jobs=1)
    labels = (ROWS[:, 0] * (3 if "max" in request.param or "classes" in request.param else 2)) // 1
    noise = {"eval_set": [(ROWS[::-1], labels)], "verbose": False}
    model.fit(ROWS, labels, **noise if model.early_stopping_rounds else {})
    item = modelbundle.save("m", model, sample=ROWS[:4])
    return model, LoadedModel.load(Store.default().directory(item))


def test_a_wrapper_answers_as_it_does_by_itself(wrapper):
    model, loaded = wrapper
    asked = ROWS.copy()
    if model.booster != "gblinear":
        asked[0, 1], asked[1, 2] = np.nan, 0.5
    kinds = asked, asked.astype("f4"), ROWS.astype("i8"), asked[::2], np.asfortranarray(asked)
    for method in loaded.manifest.methods:
        for rows in (*kinds, asked[:1], asked):
            answer, expected = loaded.call(method, rows), getattr(model, method)(rows)
            assert answer.dtype == expected.dtype
            assert np.array_equal(answer, expected)
            assert answer.flags.writeable


@pytest.fixture
def booster():
    """A booster, as a server loads it."""
    trained = xgboost.train({}, xgboost.DMatrix(ROWS, ROWS[:, 0]), 3)
    return LoadedModel.load(Store.default().directory(modelbundle.save("m", trained, sample=ROWS)))


def test_matrices_do_without_xgboosts_python(booster, monkeypatch):
    expected = booster.call("predict", ROWS)
    monkeypatch.setattr(xgboost.Booster, "inplace_predict", None)
    monkeypatch.setattr(xgboost.Booster, "predict", None)
    assert np.array_equal(booster.call("predict", ROWS), expected)


def test_a_version_that_keeps_its_library_elsewhere_is_called_as_it_wants(monkeypatch):
    model = xgboost.XGBRegressor(n_estimators=3).fit(ROWS, ROWS[:, 0])
    monkeypatch.delattr(xgboost.core, "_ProxyDMatrix")
    item = modelbundle.save("m", model, sample=ROWS[:4])
    loaded = LoadedModel.load(Store.default().directory(item))
    assert np.array_equal(loaded.call("predict", ROWS), model.predict(ROWS))


def test_threads_get_the_answers_to_their_own_rows(booster):
    expected = booster.call("predict", ROWS)
    with ThreadPoolExecutor(4) as threads:
        asked = [index % 50 for index in range(2000)]
        answers = list(threads.map(lambda i: booster.call("predict", ROWS[i : i + 9]), asked))
    for index, answer in zip(asked, answers, strict=True):
        assert np.array_equal(answer, expected[index : index + 9])


def test_what_is_trained_anew_is_what_answers():
    model = xgboost.XGBRegressor(n_estimators=3).fit(ROWS, ROWS[:, 0])
    item = modelbundle.save("m", model, sample=ROWS[:4])
    loaded = LoadedModel.load(Store.default().directory(item))
    loaded.object.fit(ROWS, ROWS[:, 3])
    assert np.array_equal(loaded.call("predict", ROWS), loaded.object.predict(ROWS))


TABLE = pd.DataFrame(
    {
        "zone": pd.Series([1, 2, 3] * 20).astype("category"),
        "city": pd.Series(["Oslo", "Rome"] * 30).astype("category"),
        "open": pd.array([True, False, None] * 20, dtype="boolean"),
        "size": np.arange(60.0),
    }
)


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    """A classifier of such shops, as it was trained and as it was loaded, and its inputs."""
    model = xgboost.XGBClassifier(n_estimators=8, max_depth=3, enable_categorical=True)
    chosen = (TABLE["zone"].astype(int) + TABLE["open"].fillna(value=False).astype(int)) % 2
    model.fit(TABLE, chosen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BUNDLE_HOME", str(tmp_path_factory.mktemp("home")))
        directory = Store.default().directory(modelbundle.save("m", model, sample=TABLE.head(3)))
        loaded = LoadedModel.load(directory)
    return model, loaded, loaded.manifest.methods["predict"].inputs


def test_a_sample_that_is_text_may_have_categories(shops):
    """As `--sample rows.json` has them."""
    sample = TABLE.head(3).astype(object).where(TABLE.head(3).notna(), None).to_dict("records")
    item = modelbundle.save("text", shops[0], sample=sample)
    loaded = LoadedModel.load(Store.default().directory(item))
    dtypes = {each.name: each.dtype for each in loaded.manifest.methods["predict"].inputs.fields}
    assert (dtypes["zone"], dtypes["city"]) == ("category[int64]", "category")
    batch = table.collate(loaded.manifest.methods["predict"].inputs, sample)
    assert loaded.call("predict", batch).tolist() == shops[0].predict(TABLE.head(3)).tolist()


@pytest.mark.parametrize(
    ("lines", "lacking"),
    [
        (["1,Oslo,true,3", "3,Rome,,4"], set()),
        ([",Oslo,false,3"], {"zone"}),
        (["2,,,3", "3,,,"], {"city", "open"}),
        ([",,,"], {"zone", "city", "open"}),
    ],
)
def test_gaps_in_categories_and_booleans_are_answered_as_the_library_does(shops, lines, lacking):
    """Also where a category is missing in all rows, so that nothing says of what kind it is."""
    model, loaded, side = shops
    rows = csv_rows.loads("\n".join(lines).encode(), side, "absent")
    got = loaded.call("predict", table.collate(side, rows))
    asked = pd.DataFrame(rows, columns=list(TABLE.columns), dtype=object)
    wanted = asked.astype({"open": "boolean", "size": float})
    for name in ("zone", "city"):
        kinds = pd.CategoricalDtype(TABLE[name].cat.categories)
        wanted[name] = wanted[name].astype(kinds)
    assert got.tolist() == model.predict(wanted).tolist()
    assert lacking == {n for n in ("zone", "city", "open") if all(row[n] is None for row in rows)}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"zone": 4}, "instances.zone: `4` is not a category that the model knows"),
        ({"city": "Bergen"}, "instances.city: `Bergen` is not a category"),
        ({"city": "Turin"}, "instances.city: `Turin` is not a category"),
        ({"city": 3}, "instances.city: `3` is not a category"),
        ({"zone": "a"}, r"instances\[0\].zone: expected a whole number"),
        ({"zone": 1.5}, r"instances\[0\].zone: expected a whole number, got 1.5"),
        ({"open": 1}, r"instances\[0\].open: expected true or false, got 1"),
    ],
)
def test_what_no_category_is_is_refused_in_words(shops, wrong, said):
    """It was a failure of the model; of what is before all that is learned XGBoost says nothing."""
    _, loaded, side = shops
    row = {"zone": 1, "city": "Oslo", "open": True, "size": 3.0} | wrong
    with pytest.raises(InvalidInput, match=said):
        loaded.call("predict", table.collate(side, [row]))


def test_a_number_that_trees_cannot_hold_is_refused_by_its_field():
    """A table goes through a DMatrix, which refuses it: it was a failure of the model."""
    rows = pd.DataFrame(ROWS, columns=list("abcd"))
    booster = xgboost.train({}, xgboost.DMatrix(rows, ROWS[:, 0]), 2)
    item = modelbundle.save("m", booster, sample=rows.head(3))
    loaded = LoadedModel.load(Store.default().directory(item))
    with pytest.raises(InvalidInput, match=r"instances.b: a number is too large .*float32"):
        loaded.call("predict", rows.head(3).assign(a=[1.0, np.nan, 2.0], b=[1.0, 1e39, 2.0]))


def test_categories_of_two_kinds_in_one_column_are_refused(shops):
    """Beside each other they make a column that the library fails on."""
    _, loaded, side = shops
    row = {"zone": 2.0, "city": "Oslo", "open": None, "size": 3.0}
    with pytest.raises(InvalidInput, match="city: `1` is not a category"):
        loaded.call("predict", table.collate(side, [row, row | {"city": 1}]))


def test_what_only_training_reads_is_no_parameter_of_a_booster_that_is_loaded():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "b"])
    model = xgboost.XGBRegressor(
        n_estimators=2, monotone_constraints={"a": 1}, interaction_constraints=[["a", "b"]]
    ).fit(frame, frame["a"])
    item = modelbundle.save("m", model, sample=frame.head(3))
    loaded = LoadedModel.load(Store.default().directory(item))
    np.testing.assert_array_equal(loaded.call("predict", frame), model.predict(frame))
    assert loaded.object.get_params()["monotone_constraints"] == {"a": 1}
    assert loaded.object.get_params()["device"] == "cpu"


def test_a_build_without_cuda_is_no_silent_fall_back_to_the_cpu(monkeypatch):
    model = xgboost.XGBRegressor(n_estimators=2).fit([[0.0], [1.0]], [0.0, 1.0])
    directory = Store.default().directory(modelbundle.save("m", model, sample=[[0.5]]))
    known = xgboost.build_info() | {"USE_CUDA": False}  # as in the wheels of xgboost-cpu
    monkeypatch.setattr(xgboost, "build_info", lambda: known)
    with pytest.raises(NoDevice, match="cannot use a GPU"):
        LoadedModel.load(directory, "cuda:0")
    assert LoadedModel.load(directory).call("predict", np.array([[0.5]])).shape == (1,)


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="XGBoost may find a GPU")
@pytest.mark.skipif(not xgboost.build_info().get("USE_CUDA"), reason="a build for CPUs")
@pytest.mark.parametrize("kind", ["wrapper", "booster"])
def test_a_build_with_cuda_that_finds_no_gpu_is_none_either(kind):
    model = xgboost.XGBRegressor(n_estimators=2).fit([[0.0], [1.0]], [0.0, 1.0])
    saved = model if kind == "wrapper" else model.get_booster()
    directory = Store.default().directory(modelbundle.save("m", saved, sample=[[0.5]]))
    with pytest.raises(NoDevice, match="would compute on the CPU"):
        LoadedModel.load(directory, "cuda:0")


TOWNS = ["Köln", "Oslo", "Łódź", "東京", "Århus"]


@pytest.fixture(scope="module")
def towns(tmp_path_factory):
    """A booster that learned of towns, most of them beyond ASCII, its table, and it as loaded."""
    rng = np.random.default_rng(0)
    given = pd.DataFrame(
        {"size": rng.random(80), "town": pd.Categorical(rng.choice(TOWNS, 80), TOWNS)}
    )
    model = xgboost.XGBRegressor(n_estimators=8, max_depth=3, enable_categorical=True)
    model.fit(given, given["town"].cat.codes * 10.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BUNDLE_HOME", str(tmp_path_factory.mktemp("home")))
        item = modelbundle.save("m", model, sample=given.head(3))
        loaded = LoadedModel.load(Store.default().directory(item))
    return model, given, loaded


@pytest.mark.parametrize("asked", [["東京"], ["Århus", "Köln"], [None, "Łódź"], ["Oslo"], [None]])
def test_categories_beyond_ascii_are_answered_as_the_library_does(towns, asked):
    """XGBoost cuts them at the wrong bytes, and any but all of them in their order otherwise."""
    model, _, loaded = towns
    side = loaded.manifest.methods["predict"].inputs
    rows = [{"size": 0.5, "town": town} for town in asked]
    wanted = pd.DataFrame({"size": 0.5, "town": pd.Categorical(asked, TOWNS)})
    got = loaded.call("predict", table.collate(side, rows))
    assert got.tolist() == model.predict(wanted).tolist()
    with pytest.raises(InvalidInput, match="town: `Aachen` is not a category"):
        loaded.call("predict", table.collate(side, [{"size": 0.5, "town": "Aachen"}]))


def test_categories_that_xgboost_lost_and_no_sample_tells_are_refused(towns):
    model, given, _ = towns
    sample = given.head(3).assign(town=given["town"].head(3).cat.remove_unused_categories())
    with pytest.raises(BundleError, match="`town`, which are not all ASCII") as caught:
        modelbundle.save("m", model, sample=sample)
    assert "training.head()" in caught.value.hint


def test_a_booster_that_stopped_early_says_that_it_answers_with_all_rounds(tmp_path):
    data, other = (xgboost.DMatrix(ROWS, labels) for labels in (ROWS[:, 0], -ROWS[:, 0]))
    kept = {"evals": [(other, "other")], "early_stopping_rounds": 2, "verbose_eval": False}
    stopped = xgboost.train({"seed": 0}, data, 20, **kept)
    assert stopped.num_boosted_rounds() > stopped.best_iteration + 1

    note = Xgboost().save(stopped, tmp_path, {}).note
    assert "save `booster[: booster.best_iteration + 1]`" in note

    best = stopped[: stopped.best_iteration + 1]
    assert Xgboost().save(best, tmp_path, {}).note is None
    assert Xgboost().save(xgboost.train({}, data, 3), tmp_path, {}).note is None
