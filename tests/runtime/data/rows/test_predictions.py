"""Predictions: what else than numbers and texts a model may answer with."""

import dataclasses
import decimal
import uuid

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import BaseModel

from modelbundle.runtime.data.rows.predictions import to_instances
from modelbundle.runtime.errors import PredictionFailed


@dataclasses.dataclass
class Found:
    name: str
    scores: np.ndarray


class Box(BaseModel):
    """Of pydantic."""

    left: int


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Found("cat", np.array([0.5, 1.0])), {"name": "cat", "scores": [0.5, 1.0]}),
        ([Found("cat", np.array([1]))], [{"name": "cat", "scores": [1]}]),
        (Box(left=3), {"left": 3}),
        ({"b", "a"}, ["a", "b"]),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (decimal.Decimal("0.10"), "0.10"),
        ({"vector": torch.ones(2)}, {"vector": [1.0, 1.0]}),
    ],
)
def test_records_and_their_like_are_told_as_a_service_tells_them(answer, told):
    assert to_instances([answer]) == [told]


@pytest.mark.parametrize("answer", [object(), Found, 1j, Found("cat", object())])
def test_anything_else_is_refused(answer):
    with pytest.raises(PredictionFailed, match="is not JSON"):
        to_instances([answer])


@pytest.mark.parametrize("names", [["age", "age"], [1, "1"]])
def test_two_columns_of_one_name_are_refused(names):
    table = pd.DataFrame([[1, 2]], columns=names)
    with pytest.raises(PredictionFailed, match=f"two columns called `{names[1]}`"):
        to_instances(table)
