"""A model in memory: what is said when it cannot get there."""

import sys
from ctypes import CDLL

import numpy as np
import pandas as pd
import pytest

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.errors import (
    InvalidBundle,
    InvalidModel,
    MissingFramework,
    NotTrusted,
    PredictionFailed,
)
from modelbundle.runtime.frameworks import registry
from modelbundle.runtime.models.model import LoadedModel
from modelbundle.runtime.pickles.policy import Policy


@pytest.fixture
def directory():
    import xgboost

    rows = np.random.default_rng(0).random((20, 2))
    model = xgboost.train({}, xgboost.DMatrix(rows, rows.sum(1)), 1)
    return Store.default().directory(modelbundle.save("m", model, sample=rows[:2]))


def test_a_method_that_the_model_lacks_is_told_with_those_it_has(directory):
    with pytest.raises(InvalidModel, match="no method `fit`; it has `predict`"):
        LoadedModel.load(directory).call("fit", np.ones((1, 2)))


def test_a_library_that_is_here_and_cannot_be_imported_is_not_called_missing(
    directory, monkeypatch
):
    """As by a `secrets.py` of the author's, which `numpy.random` then finds."""

    def broken(*_, **__):
        raise ImportError("cannot import name randbits")

    monkeypatch.setattr("modelbundle.runtime.frameworks.xgboost.Xgboost.load", broken)
    with pytest.raises(InvalidModel, match="is here, but cannot be imported: ImportError") as told:
        LoadedModel.load(directory)
    assert "a file of yours" in told.value.hint


def test_a_missing_library_is_named_with_its_pinned_requirement(directory, monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(MissingFramework, match="needs `xgboost`") as caught:
        LoadedModel.load(directory)
    assert "xgboost==" in caught.value.hint
    assert "numpy==" in caught.value.hint


def test_a_damaged_file_is_one_sentence(directory, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "model.json").write_bytes((directory / "model.json").read_bytes())
    (copy / "model.ubj").write_bytes(b"{L\0\0\0")
    with pytest.raises(InvalidModel, match="xgboost model cannot be loaded"):
        LoadedModel.load(copy)


def test_a_missing_library_of_the_system_is_told_with_what_to_install(directory, monkeypatch):
    monkeypatch.setattr(
        "modelbundle.runtime.frameworks.xgboost.Xgboost.load", lambda *_: CDLL("libnowhere.so.1")
    )
    with pytest.raises(InvalidModel, match=r"libnowhere\.so\.1: cannot open") as caught:
        LoadedModel.load(directory)
    assert "package of your system" in caught.value.hint


def test_a_directory_without_a_manifest_is_no_model(tmp_path):
    with pytest.raises(InvalidBundle):
        LoadedModel.load(tmp_path)


def test_a_policy_that_denies_pickles_stands_before_every_one_of_them():
    import torch
    from sklearn.dummy import DummyRegressor

    net = torch.nn.TransformerEncoderLayer(4, 1, 4)
    for model in (DummyRegressor().fit([[1]], [1]), net, len):
        path = Store.default().directory(modelbundle.save("m", model))
        with pytest.raises(NotTrusted):
            LoadedModel.load(path, policy=Policy("deny"))
        LoadedModel.load(path)


@pytest.mark.parametrize(
    "loader", ["gone:Class", "json:JSONDecoder", "os:gone", "json:dumps", "", ":"]
)
def test_what_is_no_adapter_is_never_used_as_one(loader):
    with pytest.raises(InvalidModel):
        registry.load(loader)


def test_every_adapter_is_found_again_by_its_name():
    for framework in registry.builtin():
        assert type(registry.load(registry.loader(framework))) is type(framework)


def test_adapters_are_told_apart_without_importing_their_libraries():
    """Detection looks at class names only."""
    import subprocess

    code = (
        "import sys; from modelbundle.runtime.frameworks import registry;"
        "registry.for_model(len);"
        "print(sorted({'torch', 'sklearn', 'xgboost', 'lightgbm', 'onnx', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_adapter_that_is_not_ours_is_never_imported_for_a_model_that_claims_to_run_nothing(
    directory, tmp_path, monkeypatch
):
    copy = tmp_path / "copy"
    copy.mkdir()
    told = (directory / "model.json").read_text()
    ours = "modelbundle.runtime.frameworks.xgboost:Xgboost"
    assert ours in told
    (copy / "model.json").write_text(told.replace(ours, "adapter_of_theirs:Adapter"))
    (tmp_path / "adapter_of_theirs.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InvalidModel, match="runs no code, which is not so"):
        LoadedModel.load(copy)


def loaded(model, sample):
    return LoadedModel.load(Store.default().directory(modelbundle.save("m", model, sample=sample)))


def test_rows_that_are_dropped_are_an_error_where_the_sample_had_an_answer_for_each():
    def ranked(rows):
        """A row's place among the others, which therefore share no call with strangers'."""
        return np.argsort(np.argsort(rows[rows[:, 0] >= 0][:, 0]))

    model = loaded(ranked, np.array([[3.0], [1.0], [2.0]]))
    assert model.call("predict", np.array([[3.0], [1.0]])).tolist() == [1, 0]
    with pytest.raises(PredictionFailed, match="given 3 rows and answered 2"):
        model.call("predict", np.array([[3.0], [-1.0], [2.0]]))


def test_a_model_that_answers_groups_may_answer_as_many_as_there_are():
    def groups(rows):
        return np.unique(rows)

    with pytest.warns(UserWarning, match="which row an answer is for"):
        model = loaded(groups, np.array([[3.0], [1.0], [1.0]]))
    assert model.call("predict", np.array([[3.0], [3.0]])).tolist() == [3.0]


def test_a_model_that_changes_its_rows_does_so_whatever_they_came_as():
    """What is read of npy, or as raw tensors, is a view of bytes: alone in a batch it was a 500."""

    def raised(rows):
        rows += 1
        return rows.sum(axis=1)

    def filled(frame):
        frame.loc[frame["x"] < 0, "x"] = 0.0
        return frame["x"].to_numpy()

    rows = np.array([[1.0, 2.0]])
    model, sent = loaded(raised, rows), np.array([[1.0, 2.0]]).tobytes()
    view = np.frombuffer(sent).reshape(1, 2)
    assert model.call("predict", view).tolist() == [5.0]
    assert view.tolist() == [[1.0, 2.0]]
    model = loaded(filled, pd.DataFrame({"x": [1.0, -1.0]}))
    assert model.call("predict", {"x": np.frombuffer(sent) - 0}).tolist() == [1.0, 2.0]
    assert model.call("predict", {"x": np.frombuffer(sent)}).tolist() == [1.0, 2.0]
