"""Values that scikit-learn refuses: told to who sent them, by the name of the field."""

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    LabelEncoder,
    OneHotEncoder,
    OrdinalEncoder,
    SplineTransformer,
)

from modelbundle.runtime.errors import InvalidInput
from modelbundle.runtime.frameworks.sklearn import Sklearn

TABLE = pd.DataFrame(
    {"size": np.arange(12.0), "city": ["Oslo", "Bern", "Rom"] * 4, "floor": [1, 2] * 6}
)


def _encoded(encoder):
    """A pipeline that encodes the last two columns, whose own positions are 0 and 1."""
    columns = ColumnTransformer([("e", encoder, ["city", "floor"])], remainder="passthrough")
    return make_pipeline(columns, LinearRegression()).fit(TABLE, TABLE["size"])


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(),
        OrdinalEncoder(),
        make_pipeline(
            SimpleImputer(strategy="most_frequent").set_output(transform="pandas"), OneHotEncoder()
        ),
    ],
)
@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"city": "Köln"}, "city: 'Köln' is not a"), ({"floor": 9}, "floor: 9 is not a")],
)
def test_a_category_that_an_encoder_has_not_learned_is_refused_by_its_field(encoder, wrong, said):
    rows = TABLE.head(2).assign(**wrong)
    with pytest.raises(InvalidInput, match=f"instances.{said} category that the model knows"):
        Sklearn().call(_encoded(encoder), "predict", rows)


def test_an_encoder_that_learned_no_names_refuses_without_one():
    model = make_pipeline(OneHotEncoder(), LinearRegression())
    model.fit(TABLE[["city"]].to_numpy(), TABLE["size"])
    with pytest.raises(InvalidInput, match=r"^instances: 'x{5}' is not a category"):
        Sklearn().call(model, "predict", np.array([["xxxxx"]], dtype=object))


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_a_number_that_a_forest_cannot_hold_is_refused_by_its_field():
    names = ["size", "floor"]
    model = RandomForestRegressor(2).fit(TABLE[names], TABLE["size"])
    rows = TABLE[names].head(3).assign(floor=[1.0, 1e300, 2.0])
    with pytest.raises(InvalidInput, match=r"instances.floor: a number is too large .*float32"):
        Sklearn().call(model, "predict", rows)
    model.fit(TABLE[names].to_numpy(), TABLE["size"])
    with pytest.raises(InvalidInput, match=r"instances, column 1: a number is too large"):
        Sklearn().call(model, "predict", rows.to_numpy())


def test_nan_in_an_array_is_refused_where_the_model_takes_none():
    model = LinearRegression().fit(TABLE[["size", "floor"]].to_numpy(), TABLE["size"])
    with pytest.raises(InvalidInput, match=r"column 0: the model takes no missing value"):
        Sklearn().call(model, "predict", np.array([[np.nan, 1.0]]))


def test_nan_that_only_the_model_made_is_its_own_failure():
    model = make_pipeline(FunctionTransformer(np.log), LinearRegression())
    model.fit(TABLE[["size"]].to_numpy() + 1, TABLE["size"])
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match="contains NaN"):
        Sklearn().call(model, "predict", np.array([[-1.0]]))


@pytest.mark.parametrize(
    ("model", "method", "rows", "said"),
    [
        (LabelEncoder().fit(["a", "b"]), "transform", np.array(["z"]), "unseen labels: 'z'"),
        (
            IsotonicRegression(out_of_bounds="raise").fit([0.0, 1.0], [0.0, 1.0]),
            "predict",
            np.array([7.0]),
            "above the interpolation range",
        ),
        (
            SplineTransformer(extrapolation="error").fit(TABLE[["size"]].to_numpy()),
            "transform",
            np.array([[99.0]]),
            "beyond the limits of the knots",
        ),
    ],
)
def test_other_values_that_it_has_no_answer_for_are_refused_in_its_words(model, method, rows, said):
    with pytest.raises(InvalidInput, match=said):
        Sklearn().call(model, method, rows)


def test_a_category_that_xgboost_behind_a_pipeline_has_not_learned_is_refused():
    learned = pd.DataFrame({"city": pd.Categorical(["Bern", "Oslo"] * 6)})
    steps = FunctionTransformer(), xgboost.XGBRegressor(n_estimators=2, enable_categorical=True)
    model = make_pipeline(*steps).fit(learned, learned["city"].cat.codes)
    with pytest.raises(InvalidInput, match=r"^instances: `Rom` is not a category that the model"):
        Sklearn().call(model, "predict", pd.DataFrame({"city": pd.Categorical(["Rom"])}))
