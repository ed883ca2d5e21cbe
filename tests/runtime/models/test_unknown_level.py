"""Values that a model was not trained on, which only its own error tells."""

import numpy as np
import pandas as pd
import pytest

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.errors import InvalidInput
from modelbundle.runtime.models import unknown_level
from modelbundle.runtime.models.model import LoadedModel

FRAME = pd.DataFrame({"city": ["a", "zz"], "size": [1.0, 2.0]})
PATSY = (
    "predict requires that you use a DataFrame when predicting from a model\n\nThe original error "
    "message returned by patsy is:\n Error converting data to categorical: observation with value "
    "{} does not match any of the expected levels (expected: ['a', 'b'])\n    y ~ city + size"
)


def caused(error):
    """As a library's that wraps another's."""
    try:
        try:
            raise error
        except type(error) as inner:
            raise RuntimeError("prediction failed") from inner
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize(
    ("error", "batch", "said"),
    [
        (Exception(PATSY.format("'zz'")), FRAME, 'instances[1].city: "zz" is not a value'),
        (caused(Exception(PATSY.format("'zz'"))), FRAME, 'instances[1].city: "zz" is not a value'),
        (Exception(PATSY.format("2.0")), FRAME, "instances[1].size: 2.0 is not a value"),
        (KeyError("zz"), FRAME, 'instances[1].city: "zz" is not a value'),
        (KeyError("zz"), [{"city": "a"}, {"city": "zz"}], "instances[1].city"),
        (KeyError("zz"), ["a", "zz"], "instances[1]:"),
        (KeyError("zz"), [["a", "zz"]], "instances[0][1]:"),
        (KeyError("zz"), np.array([["a"], ["zz"]], object), "instances[1]:"),
        (KeyError("zz"), {"city": np.array(["zz"], object)}, "instances[0].city:"),
        (
            ValueError("Found unknown categories [np.str_('zz')] in column 0 during transform"),
            FRAME,
            "instances[1].city",
        ),
        (ValueError("y contains previously unseen labels: ['zz']"), FRAME, "instances[1].city"),
    ],
)
def test_a_value_that_the_error_names_and_the_request_has_is_the_clients(error, batch, said):
    assert unknown_level.refusal(error, batch).startswith(said)


@pytest.mark.parametrize(
    "error",
    [
        KeyError("weight"),
        KeyError(1),
        KeyError(),
        Exception(PATSY.format("'elsewhere'")),
        ValueError("zz is wrong"),
        LookupError("zz"),
    ],
)
def test_any_other_error_is_the_models(error):
    """A name that is in no row is the author's mistake."""
    assert unknown_level.refusal(error, FRAME) is None


class Prices:
    """Looks a city up, as a model of a formula does."""

    def __init__(self):
        self.table = {"a": 1.0, "b": 2.0}

    def predict(self, frame):
        return np.array([self.table[each] for each in frame["city"]]) * frame["size"].to_numpy()


def test_a_table_model_answers_an_unknown_level_with_its_place():
    """It was a failure of the model, of which the client heard nothing."""
    sample = FRAME.assign(city=["a", "b"])
    saved = modelbundle.save("prices", Prices(), sample=sample)
    model = LoadedModel.load(Store.default().directory(saved))
    assert model.call("predict", sample).tolist() == [1.0, 4.0]
    with pytest.raises(
        InvalidInput, match=r'instances\[1\].city: "zz" is not a value that the model'
    ):
        model.call("predict", FRAME)
