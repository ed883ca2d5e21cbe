"""Row order: each answer of pandas is for the row that its index names."""

import numpy as np
import pandas as pd
import pytest

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.frameworks.values import row_order
from modelbundle.runtime.models.model import LoadedModel

FRAME = pd.DataFrame({"age": [45, 22, 65]})


@pytest.mark.parametrize(
    "model",
    [
        lambda rows: rows["age"].sort_values(),
        lambda rows: rows["age"].sort_values(ascending=False),
        lambda rows: rows["age"][::-1],
        lambda rows: rows.sort_values("age")["age"].to_frame()["age"],
        lambda rows: pd.concat([rows["age"][rows.age > 40], rows["age"][rows.age <= 40]]),
    ],
)
def test_a_model_that_sorts_its_rows_answers_them_in_order(model):
    item = modelbundle.save("m", model, sample=FRAME)
    loaded = LoadedModel.load(Store.default().directory(item))
    assert list(loaded.call("predict", {"age": np.array([3, 1, 2])})) == [3, 1, 2]
    assert loaded.manifest.methods["predict"].batchable  # rows of several requests may share it


def test_tables_and_parts_of_an_answer_are_put_in_order():
    table = FRAME.assign(twice=FRAME.age * 2).sort_values("age")
    assert row_order.restored(table, FRAME)["twice"].tolist() == [90, 44, 130]
    parts = row_order.restored({"a": table["age"], "b": [1, 2, 3]}, FRAME)
    assert (parts["a"].tolist(), parts["b"]) == ([45, 22, 65], [1, 2, 3])
    first, _ = row_order.restored((table["age"], 1), FRAME)
    assert first.tolist() == [45, 22, 65]


@pytest.mark.parametrize(
    "answer",
    [
        pd.Series([5, 4, 3], index=[10, 12, 11]),
        pd.Series([5, 4, 3], index=[2, 0, 0]),
        pd.Series([5, 4], index=[2, 0]),  # dropped; that is told elsewhere
        pd.Series([5, 4, 3], index=["b", "a", "c"]),
        pd.Series([5, 4, 3], index=pd.Index([2, 0, 1], name="shop")),  # grouped
        pd.Series([5, 4, 3], index=pd.MultiIndex.from_tuples([(2, 0), (0, 1), (1, 1)])),
        pd.Series([5, 4, 3], index=pd.date_range("2024-01-01", periods=3)[::-1]),
        pd.Series([], dtype=float),
        [5, 4, 3],
    ],
)
def test_other_answers_stay_as_they_are(answer):
    assert row_order.restored(answer, FRAME) is answer


def test_rows_with_labels_of_their_own_are_answered_by_place():
    rows = FRAME.set_axis([2, 0, 1])
    assert row_order.restored(rows["age"], rows) is not None
    assert row_order.restored(rows["age"], rows).tolist() == [45, 22, 65]
    assert row_order.restored(rows["age"], np.zeros((3, 1))).tolist() == [22, 65, 45]
