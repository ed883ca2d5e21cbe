"""Advice: the hint names what this model has, not what models have in general."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression

import modelbundle
from modelbundle.bundler.errors import SampleMismatch, UnsupportedModel
from modelbundle.bundler.saving import saving
from modelbundle.bundler.saving.saving import SaveOptions

from ...recorded_progress import RecordedProgress

TABLE = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})


class Survival:
    """As libraries of survival analysis have it: `score` wants labels, and there is no `predict`."""

    def score(self, rows):
        raise KeyError(rows[0][0])

    def predict_median(self, rows):
        return [row[0] for row in rows]

    predict_one = 3


class Online:
    """As libraries of online learning have it."""

    def predict_one(self, row):
        return sum(row.values())


def first():
    """A module that answers with the first of several outputs."""
    from torch import nn

    class First(nn.Module):
        def forward(self, outputs):
            return outputs[0]

    return First()


def hint(model, sample, **options):
    with pytest.raises(SampleMismatch) as caught:
        modelbundle.save("m", model, sample=sample, **options)
    return caught.value.hint


def test_other_methods_are_named():
    wanted = "It has `predict_median`: name what is to be served, with `--method predict_median`."
    assert hint(Survival(), [[1.0], [2.0]]) == wanted
    assert modelbundle.save("m", Survival(), sample=[[1.0]], methods=["predict_median"])


def test_a_method_for_one_row_becomes_a_function_of_rows():
    rows = [{"a": 1.0}, {"a": 2.0}]
    assert "lambda rows: [model.predict_one(row) for row in rows]" in hint(
        Online(), rows, methods=["predict_one"]
    )
    assert "lambda rows: [model(row) for row in rows]" in hint(lambda row: row["a"] + 1, rows)
    assert modelbundle.save("m", lambda rows: [row["a"] for row in rows], sample=rows)


def test_a_function_of_several_inputs_is_told_that_they_are_one_dict():
    sample = (np.ones(2), np.zeros(2))
    assert hint(np.add, sample) == (
        "It gets its inputs as one dict of arrays: "
        '`lambda rows: model(rows["input-0"], rows["input-1"])`.'
    )
    assert modelbundle.save("m", lambda rows: rows["input-0"] + rows["input-1"], sample=sample)


def test_a_function_of_texts_is_told_that_they_come_as_objects():
    assert hint(np.char.upper, np.array(["a"])).startswith("Texts come as an array of objects")


def test_what_fails_either_way_gets_no_such_advice():
    assert hint(lambda row: row["b"] + 1, [{"a": 1.0}]).startswith("Give rows as the model")


def test_answers_that_are_not_one_a_row_are_told_when_they_are_saved():
    with pytest.warns(UserWarning, match="answered 2 rows for the 3 of the sample"):
        modelbundle.save("m", np.unique, sample=np.array([3.0, 1.0, 1.0]))
    modelbundle.save("m", np.unique, sample=np.array([3.0]))
    modelbundle.save("m", np.negative, sample=np.array([3.0, 1.0, 1.0]))


def test_a_file_whose_answers_are_not_one_a_row_gets_the_same_warning(tmp_path):
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(np.unique))
    told = RecordedProgress()
    given = SaveOptions(sample=np.array([3.0, 1.0, 1.0]), trust=True)
    saving.save_file("m", tmp_path / "m.pkl", given, progress=told)
    assert ["answered 2 rows for the 3 of the sample" in each for each in told.warnings] == [True]


@pytest.mark.parametrize("sample", [np.zeros(3), np.array([1.0, np.nan])])
def test_answers_that_are_not_recorded_are_told(sample):
    def noisy(rows):
        return rows + np.random.default_rng().random() * (rows == 0)

    told = RecordedProgress()
    saving.save_object("m", noisy, SaveOptions(sample=sample), progress=told)
    assert any(each.startswith("No answers of `predict` are recorded: ") for each in told.steps)
    saving.save_object("m", noisy, progress=told)  # without a sample there is nothing to tell
    saving.save_object("m", np.negative, SaveOptions(sample=np.array([2.0])), progress=told)
    assert sum(each.startswith("No answers") for each in told.steps) == 1
    assert not told.warnings


def test_rows_that_depend_on_each_other_are_told():
    def centred(rows):
        return rows - rows.mean()

    told, rows = RecordedProgress(), SaveOptions(sample=np.array([1.0, 4.0]))
    saving.save_object("m", centred, rows, progress=told)
    saving.save_object("m", np.negative, rows, progress=told)
    said = "What `predict` answers for a row depends on the other rows: requests share no calls."
    assert [each for each in told.steps if "depends" in each] == [said]


def test_a_network_that_takes_steps_first_is_told_of_the_axis():
    import torch

    rows = np.random.default_rng(0).random((5, 4, 3), "float32")
    network = torch.nn.Sequential(torch.nn.LSTM(3, 2), first())
    told = RecordedProgress()
    saving.save_object("m", network, SaveOptions(sample=rows), progress=told)
    saving.save_object("m", network, SaveOptions(sample=rows, batch_axis=1), progress=told)
    assert sum("save it with `batch_axis=1`" in each for each in told.steps) == 1


def test_a_class_is_told_from_its_objects():
    said = "`Online` is a class, not yet a model: save an object of it, `Online(...)`."
    told = RecordedProgress()
    saving.save_object("m", Online, progress=told)
    assert said in told.steps
    with pytest.raises(UnsupportedModel, match="nothing to call") as caught:
        modelbundle.save("m", Online, sample=[{"a": 1.0}])
    assert caught.value.hint == said


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        (TABLE.rename(columns={"a": "z"}), " The sample lacks `a` and also has `z`."),
        (TABLE.drop(columns="b"), " The sample lacks `b`."),
        (TABLE[["b", "a"]], ""),
    ],
)
def test_other_columns_than_those_of_training_are_told_by_name(sample, told):
    """scikit-learn says on the first line only that they are others."""
    model = LogisticRegression().fit(TABLE, [0, 1])
    with pytest.raises(SampleMismatch, match="feature names") as caught:
        modelbundle.save("m", model, sample=sample)
    assert caught.value.hint == f"It was fitted on the columns `a`, `b`, in this order.{told}"


@pytest.mark.parametrize("wrapped", [lambda weights: weights, lambda weights: {"model": weights}])
def test_weights_alone_are_told_to_need_their_module(wrapped):
    weights = torch.nn.Linear(2, 1).state_dict()
    with pytest.raises(UnsupportedModel, match="nothing to call") as caught:
        modelbundle.save("m", wrapped(weights), sample=[[1.0, 2.0]])
    assert "`module.load_state_dict(...)`, and save the module." in caught.value.hint
    with pytest.raises(UnsupportedModel, match="nothing to call") as caught:
        modelbundle.save("m", {"a": 1}, sample=[[1]])
    assert "load_state_dict" not in caught.value.hint
