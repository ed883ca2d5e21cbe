"""Missing texts: None where a model learned that, NaN where it learned that."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.frameworks.sklearn import Sklearn
from modelbundle.runtime.frameworks.values import sklearn_gaps
from modelbundle.runtime.models.model import LoadedModel

CITIES = ["Oslo", "Rom", None, "Bern"] * 5


def _trained(encoder, gap):
    """A pipeline whose table has `gap` for a missing text, and that table."""
    cities = pd.Series([gap if city is None else city for city in CITIES], dtype=object)
    given = pd.DataFrame({"city": cities, "size": np.arange(20.0)})
    columns = ColumnTransformer([("c", encoder, ["city"])], remainder="passthrough")
    wanted = given["city"].map({"Oslo": 1.0, "Rom": 2.0}).fillna(9.0)
    return make_pipeline(columns, LinearRegression()).fit(given, wanted), given


@pytest.mark.parametrize("gap", [None, np.nan])
@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
        ),
    ],
)
def test_null_is_the_gap_that_an_encoder_learned(encoder, gap):
    """It was a category that it does not know, and the answer wrong in silence."""
    model, given = _trained(encoder, gap)
    item = modelbundle.save("m", model, sample=given.head(2))  # without a gap: it cannot tell
    loaded = LoadedModel.load(Store.default().directory(item))
    side = loaded.manifest.methods["predict"].inputs
    rows = [{"city": city, "size": 3.0} for city in (None, "Oslo")]
    got = loaded.call("predict", table.collate(side, rows))
    asked = pd.DataFrame({"city": pd.Series([gap, "Oslo"], dtype=object), "size": 3.0})
    assert got.tolist() == model.predict(asked).tolist()
    alone = loaded.call("predict", table.collate(side, rows[:1]))
    assert alone.tolist() == got[:1].tolist()


def test_an_imputer_gets_the_gap_that_it_fills():
    """As null comes in pandas 2, where texts are objects."""
    imputed = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    model, _ = _trained(imputed, np.nan)
    asked = pd.DataFrame({"city": pd.Series([None, "Bern"], dtype=object), "size": 3.0})
    wanted = model.predict(asked.assign(city=pd.Series([np.nan, "Bern"], dtype=object)))
    assert Sklearn().call(model, "predict", asked).tolist() == wanted.tolist()


@pytest.mark.parametrize("sends", [None, np.nan])
def test_none_that_an_imputer_of_nan_let_pass_stays_the_category_that_it_became(sends):
    """As null comes in pandas 2, and in 3."""
    filling = SimpleImputer(strategy="constant", fill_value="?")
    passed = make_pipeline(filling, OneHotEncoder(handle_unknown="ignore"))
    model, given = _trained(passed, None)
    asked = given.assign(city=given["city"].where(given["city"].notna(), sends))
    assert Sklearn().call(model, "predict", asked).tolist() == model.predict(given).tolist()
    beside = ColumnTransformer([("a", OneHotEncoder(), ["city"]), ("n", filling, ["city"])])
    assert sklearn_gaps.learned(beside.fit(given)) == {"city": None}


def test_what_is_not_known_or_contradicts_itself_is_left_as_it_is():
    both = OneHotEncoder().fit(pd.DataFrame({"a": pd.Series(["x", None, np.nan], dtype=object)}))
    assert sklearn_gaps.learned(both) == {}
    assert sklearn_gaps.learned(LinearRegression().fit([[1.0]], [1.0])) == {}
    rows = pd.DataFrame({"a": pd.Series(["x", None, 3], dtype=object)})
    assert sklearn_gaps.filled(rows, {"a": np.nan}) is rows  # more than texts


def test_a_class_that_an_estimator_chose_is_none_of_its_parts():
    class Chosen(LinearRegression):
        @property
        def feature_names_in_(self):
            raise AssertionError("asked of the class, it is the property itself")

    model = LinearRegression()
    model.kind = Chosen
    assert sklearn_gaps.learned(model) == {}
