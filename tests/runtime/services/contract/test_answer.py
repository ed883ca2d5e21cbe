"""What an API answers, as JSON: what is missing, and what only looks like it."""

import json

import numpy as np
import pandas as pd
import pytest

from modelbundle.runtime.errors import PredictionFailed
from modelbundle.runtime.services.contract.answer import AnswerWriter

MISSING = [pd.NaT, pd.NA, np.datetime64("NaT", "ms"), np.datetime64("NaT", "ns"), float("nan")]


@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_a_missing_value_is_refused_or_null(value):
    with pytest.raises(PredictionFailed, match="is not a finite number"):
        AnswerWriter().json({1: value})
    assert json.loads(AnswerWriter(nan_as_null=True).json({1: value})) == {"1": None}


MASKED = np.ma.masked_less([1.5, -1.0], 0)


@pytest.mark.parametrize("value", [MASKED, {"a": MASKED}, [MASKED[1]]])
def test_what_is_masked_is_missing(value):
    with pytest.raises(PredictionFailed, match="is not a finite number"):
        AnswerWriter().write(value)
    assert b"null" in AnswerWriter(nan_as_null=True).write(value).body


def test_words_that_are_written_like_it_are_words():
    value = {1: "NaT", 2: ["NaN", "NA"], 3: np.datetime64("2024-02-29")}

    assert json.loads(AnswerWriter().json(value)) == {
        "1": "NaT",
        "2": ["NaN", "NA"],
        "3": "2024-02-29",
    }
