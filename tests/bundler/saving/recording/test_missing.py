"""Missing values: null is taken where the sample or the model says so, and nowhere else."""

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import modelbundle
from modelbundle.bundler.saving.recording import missing
from modelbundle.bundler.store import Store
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.data.samples import Samples
from modelbundle.runtime.errors import InvalidInput
from modelbundle.runtime.manifests.signature import Field, Side
from modelbundle.runtime.models.model import LoadedModel

FRAME = pd.DataFrame(
    {
        "age": [31.0, 45.0, 22.0, 67.0, 51.0, 38.0],
        "income": [10.0, 20.0, 30.0, 40.0, 50.0, 60.0],
        "city": ["Oslo", "Rome", "Oslo", "Rome", "Bergen", "Oslo"],
    }
)
LABELS = ["stays", "leaves"] * 3


def churn():
    """A pipeline that fills in incomes, knows empty cities and needs the age."""
    columns = ColumnTransformer(
        [
            ("income", SimpleImputer(), ["income"]),
            ("city", OneHotEncoder(handle_unknown="ignore"), ["city"]),
        ],
        remainder="passthrough",
    )
    return make_pipeline(columns, LogisticRegression()).fit(FRAME, LABELS)


def saved(model, sample):
    item = modelbundle.save("m", model, sample=sample)
    return LoadedModel.load(Store.default().directory(item))


def answer(loaded, instances, method="predict"):
    batch = table.collate(loaded.manifest.methods[method].inputs, instances)
    return table.to_instances(loaded.call(method, batch))


def nullable(loaded):
    fields = loaded.manifest.methods["predict"].inputs.fields
    return [field.name for field in fields if field.is_nullable]


def test_null_is_taken_where_the_model_itself_takes_it():
    loaded = saved(churn(), FRAME.head(3))
    assert nullable(loaded) == ["income", "city"]
    row = {"age": 30.0, "income": None, "city": None}
    live = churn().predict(pd.DataFrame([row]).astype({"income": float}))
    assert answer(loaded, [row]) == live.tolist()
    with pytest.raises(InvalidInput, match="age: expected a number, got null"):
        answer(loaded, [row | {"age": None}])


def test_a_sample_that_lacks_values_is_recorded_with_null():
    sample = FRAME.head(3).copy()
    sample.loc[0, "income"] = np.nan
    sample.loc[1, "city"] = None
    directory = Store.default().directory(modelbundle.save("m", churn(), sample=sample))
    samples = Samples.read(directory / "samples" / "predict.json")
    assert samples.inputs[0] == {"age": 31.0, "income": None, "city": "Oslo"}
    assert samples.inputs[1]["city"] is None
    assert samples.outputs == churn().predict(sample).tolist()


def test_boosted_trees_take_null_in_a_matrix():
    rows = np.arange(12.0).reshape(6, 2)
    model = xgboost.XGBRegressor(n_estimators=2).fit(rows, rows[:, 0])
    loaded = saved(model, rows[:3])
    expected = model.predict(np.array([[np.nan, 3.0]]))
    assert answer(loaded, [[None, 3]]) == pytest.approx(expected.tolist())
    assert nullable(saved(model, None)) == ["input-0"]


def test_a_model_that_cannot_do_without_values_never_sees_null():
    rows = np.arange(12.0).reshape(6, 2)
    loaded = saved(LinearRegression().fit(rows, rows[:, 0]), rows[:3])
    assert nullable(loaded) == []
    with pytest.raises(InvalidInput, match="expected a number, got null"):
        answer(loaded, [[None, 3]])


def test_code_of_the_author_is_not_asked_whether_it_takes_null():
    asked = []

    def model(rows):
        asked.append(np.isnan(rows).any())
        return np.nan_to_num(rows).sum(1)

    assert nullable(saved(model, np.ones((2, 2)))) == []
    assert not any(asked)


def test_pandas_own_missing_values_are_null():
    frame = pd.DataFrame({"city": pd.array(["Oslo", None, "Rome"], dtype="string")})
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    model.fit(FRAME[["city"]], LABELS)
    loaded = saved(model, frame)
    assert nullable(loaded) == ["city"]
    assert len(answer(loaded, [{"city": None}])) == 1


def test_a_missing_text_is_the_same_alone_and_among_others():
    frame = pd.DataFrame({"city": ["Oslo", None, "Rome", None] * 3})
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(frame, [0, 1, 0, 1] * 3)
    loaded = saved(model, frame.head(3))
    live = model.predict_proba(frame.iloc[[1]])[0].tolist()
    assert answer(loaded, [{"city": None}], "predict_proba")[0] == pytest.approx(live)
    both = answer(loaded, [{"city": None}, {"city": "Oslo"}], "predict_proba")
    assert both[0] == pytest.approx(live)


class _Name(str):
    """A column's name that counts how often it is compared with another."""

    __slots__ = ()
    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        _Name.compared += 1
        return str.__eq__(self, other)


def test_each_column_of_a_wide_table_is_looked_up_once():
    """Compared with each other, 60,000 columns took minutes."""
    names = [_Name(f"c{position}") for position in range(400)]
    side = Side("columns", tuple(Field(name, "float64", (None,)) for name in names))
    _Name.compared = 0
    marked = missing.asked(side, [dict.fromkeys(names, 1.0)], lambda _: True)
    assert all(field.is_nullable for field in marked.fields)
    assert _Name.compared < 20 * len(names)


class _Net(BaseEstimator):
    """A classifier that checks nothing, as networks behind this interface do."""

    def fit(self, rows, labels):
        self.n_features_in_, self.classes_ = rows.shape[1], np.unique(labels)
        return self

    def predict_proba(self, rows):
        return np.stack([rows[:, 0], 1 - rows[:, 0]], axis=1)

    def predict(self, rows):
        return self.predict_proba(rows).argmax(axis=1)


def test_a_label_of_a_score_that_is_none_is_no_answer():
    """The largest of NaN and NaN is the first class, to a row without a value."""
    rows = np.array([[0.2, 1.0], [0.9, 0.0]])
    loaded = saved(_Net().fit(rows, [0, 1]), rows)
    assert nullable(loaded) == []
    with pytest.raises(InvalidInput, match="got null"):
        answer(loaded, [[None, 1.0]])
