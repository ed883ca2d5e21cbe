"""Class names: what classifiers of real libraries have learned, in the signatures of their methods."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import modelbundle
from modelbundle.bundler.errors import InvalidSource, SampleMismatch
from modelbundle.bundler.store import Store
from modelbundle.runtime.frameworks.onnx import Onnx
from modelbundle.runtime.frameworks.onnx_graph import labels as onnx_labels
from modelbundle.runtime.manifests.model_manifest import ModelManifest

ROWS = np.random.default_rng(3).normal(size=(60, 3))
PLACES = np.argmax(ROWS, axis=1)
TEXTS = np.array(["low", "middle", "high"])[PLACES]
BINARY = np.array(["no", "yes"])[(ROWS[:, 0] > 0).astype(int)]


def manifest(model, sample=ROWS[:4], **options):
    item = modelbundle.save("m", model, sample=sample, **options)
    return ModelManifest.read(Store.default().directory(item))


def classes(model, method, **options):
    [field] = manifest(model, **options).methods[method].outputs.fields
    return field.classes


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)),
        GridSearchCV(LogisticRegression(), {"C": [0.5, 1.0]}, cv=2),
    ],
)
def test_text_classes_are_those_of_the_library_in_its_order(model):
    model.fit(ROWS, TEXTS)
    assert classes(model, "predict") == tuple(model.classes_) == ("high", "low", "middle")
    assert classes(model, "predict_proba") == tuple(model.classes_)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (PLACES + 7, (7, 8, 9)),
        (ROWS[:, 0] > 0, (False, True)),
        ((PLACES + 0.0) * 2, (0.0, 2.0, 4.0)),
        (TEXTS.astype(object), ("high", "low", "middle")),
    ],
)
def test_classes_have_the_types_that_they_were_learned_with(kinds, expected):
    found = classes(LogisticRegression().fit(ROWS, kinds), "predict")
    assert found == expected
    assert [type(one) for one in found] == [type(one) for one in expected]


def test_what_has_one_score_for_two_classes_says_nothing_of_them():
    model = LogisticRegression().fit(ROWS, BINARY)
    assert classes(model, "decision_function") == ()
    assert classes(model, "predict_proba") == ("no", "yes")


def test_several_outputs_have_classes_of_their_own():
    both = np.stack([TEXTS, BINARY], axis=1)
    model = RandomForestClassifier(5, random_state=0).fit(ROWS, both)
    methods = manifest(model).methods
    assert [each.classes for each in methods["predict_proba"].outputs.fields] == [
        ("high", "low", "middle"),
        ("no", "yes"),
    ]
    assert [each.classes for each in methods["predict"].outputs.fields] == [()]


def test_of_several_labels_at_once_each_place_is_one():
    each = (ROWS > 0).astype(int)
    model = OneVsRestClassifier(LogisticRegression()).fit(ROWS, each)
    [field] = manifest(model).methods["predict"].outputs.fields
    assert field.labels == ("0", "1", "2")


def test_xgboost_and_lightgbm_tell_theirs():
    import lightgbm
    import xgboost

    light = lightgbm.LGBMClassifier(n_estimators=2, min_child_samples=2, verbose=-1)
    light.fit(ROWS, TEXTS)
    assert classes(light, "predict") == classes(light, "predict_proba") == tuple(light.classes_)
    encoded = xgboost.XGBClassifier(n_estimators=2).fit(ROWS, PLACES)
    assert classes(encoded, "predict_proba") == (0, 1, 2)
    booster = xgboost.XGBRegressor(n_estimators=2).fit(ROWS, ROWS[:, 0])
    assert classes(booster, "predict") == ()


class Contrary(DummyClassifier):
    """Answers otherwise than it has learned."""

    def predict(self, rows):
        return np.full(len(rows), "other")


def test_what_the_answers_do_not_bear_out_is_not_said():
    model = Contrary().fit(ROWS, TEXTS)
    assert classes(model, "predict") == ()
    assert classes(LinearRegression().fit(ROWS, ROWS[:, 0]), "predict") == ()


def test_the_same_model_has_the_same_identity():
    model = LogisticRegression().fit(ROWS, TEXTS)
    first = modelbundle.save("m", model, sample=ROWS[:4])
    second = modelbundle.save("m", LogisticRegression().fit(ROWS, TEXTS), sample=ROWS[:4])
    assert first.digest == second.digest


def test_somebody_who_knows_names_the_numbers_of_a_network():
    import torch

    rows = torch.ones(2, 4)
    item = modelbundle.save("net", torch.nn.Linear(4, 3), sample=rows, classes=["a", "b", "c"])
    found = ModelManifest.read(Store.default().directory(item))
    [field] = found.methods["predict"].outputs.fields
    assert field.labels == ("a", "b", "c")
    with pytest.raises(SampleMismatch, match="answer with 2 numbers a row"):
        modelbundle.save("net", torch.nn.Linear(4, 3), sample=rows, classes=["a", "b"])
    with pytest.raises(InvalidSource, match="each once"):
        modelbundle.save("net", torch.nn.Linear(4, 3), sample=rows, classes=["a", "a", "b"])


@pytest.mark.parametrize("text", ["low\nmiddle\nhigh\n", '["low", "middle", "high"]'])
def test_names_come_from_a_file(tmp_path, monkeypatch, text):
    (tmp_path / "names.txt").write_text(text)
    (tmp_path / "net.py").write_text("def model(rows):\n    return rows[:, :3] * 1.0\n")
    np.save(tmp_path / "rows.npy", ROWS[:4])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    command = ["save", "net", "net:model", "--sample", "rows.npy", "--classes", "names.txt"]
    done = subprocess.run(
        [Path(sys.executable).parent / "bundle", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    store = Store.default()
    found = ModelManifest.read(store.directory(store.find("net", "model")))
    [field] = found.methods[found.default_method].outputs.fields
    assert field.labels == ("low", "middle", "high")


def graph_of(model, **options):
    """A classifier as skl2onnx writes it."""
    import skl2onnx

    options = {"zipmap": False} | options
    return skl2onnx.to_onnx(model, ROWS[:1].astype(np.float32), options={id(model): options})


@pytest.mark.parametrize("kinds", [TEXTS, PLACES - 1, BINARY])
@pytest.mark.parametrize("maker", [LogisticRegression, RandomForestClassifier])
def test_a_graph_names_the_classes_of_its_classifier(maker, kinds):
    """In an attribute of its nodes, whether they are texts or numbers, below zero or not."""
    model = maker().fit(ROWS, kinds)
    sample = ROWS[:4].astype(np.float32)
    [label, scores] = manifest(graph_of(model), sample).methods["predict"].outputs.fields
    assert label.classes == scores.classes == tuple(model.classes_.tolist())
    assert scores.labels == tuple(map(str, model.classes_.tolist()))


def test_a_graph_from_a_file_names_them_too(tmp_path):
    """Nothing but the file is there."""
    model = LogisticRegression().fit(ROWS, PLACES)
    (tmp_path / "model.onnx").write_bytes(graph_of(model).SerializeToString())
    adapter = Onnx()
    session = adapter.load(tmp_path, "onnx", {}, "cpu", None)
    assert adapter.classes(session, "predict") == {0: (0, 1, 2), 1: (0, 1, 2)}


def test_a_graph_of_two_classifiers_names_none():
    """Which of them answers is not certain."""
    one, other = LogisticRegression().fit(ROWS, PLACES), LogisticRegression().fit(ROWS, PLACES + 7)
    graph, second = graph_of(one), graph_of(other)
    for node in second.graph.node:
        if node.op_type == "LinearClassifier":
            graph.graph.node.add().CopyFrom(node)
            graph.graph.node[-1].output[:] = ["unused", "unused_scores"]
            graph.graph.node[-1].input[:] = [graph.graph.input[0].name]
            graph.graph.node[-1].name = "second"
    assert onnx_labels.found(memoryview(graph.SerializeToString())) == ()
    assert onnx_labels.found(memoryview(second.SerializeToString())) == (7, 8, 9)
