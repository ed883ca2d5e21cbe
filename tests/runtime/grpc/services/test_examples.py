"""Classify, Regress and MultiInference of TensorFlow Serving, asked with our own messages."""

import grpc
import pytest

from modelbundle.runtime.grpc.messages.pool import pool

from ...conftest import free_port
from ...dialects.zoo import zoo_server
from ..conftest import Client

SERVICE = "/tensorflow.serving.PredictionService"
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """Somebody who asks a server of every layout."""
    port = free_port()
    with (
        zoo_server(tmp_path_factory, "grpc", grpc={"port": port}),
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield Client(channel)


def example(**features):
    made = pool()["tensorflow.Example"]()
    for name, (kind, values) in features.items():
        getattr(made.features.feature[name], f"{kind}_list").value.extend(values)
    return made


def rows(*listed):
    return [example(input=("float", row)) for row in listed]


def asked(kind, model, examples=(), **spec):
    said = pool()[f"tensorflow.serving.{kind}Request"]()
    said.model_spec.name = model
    for name, value in spec.items():
        setattr(said.model_spec, name, value)
    said.input.example_list.examples.extend(examples)
    return said


def test_examples_are_classified(zoo):
    """By the method with scores, each class with its place."""
    response = zoo.call(
        f"{SERVICE}/Classify", asked("Classification", "scores", rows([1, 3], [1, 1]))
    )
    found = [
        [(each.label, each.score) for each in row.classes]
        for row in response.result.classifications
    ]
    assert [[label for label, _ in row] for row in found] == [["0", "1"]] * 2
    assert [score for _, score in found[0]] == pytest.approx([0.25, 0.75])
    assert response.model_spec.name == "scores"
    assert response.model_spec.version.value >= 1


@pytest.mark.parametrize("kind", ["float", "int64"])
def test_examples_have_a_number_each(zoo, kind):
    """Features of whole numbers as well as others."""
    examples = [example(input=(kind, [1, 2])), example(input=(kind, [3, 4]))]
    response = zoo.call(f"{SERVICE}/Regress", asked("Regression", "sums", examples))
    assert [each.value for each in response.result.regressions] == [3.0, 7.0]


@pytest.mark.parametrize(
    ("model", "features", "message"),
    [
        ("weigh", {"blob": ("bytes", [b"\xff\xd8\x00"])}, "Regression"),
        ("shout", {"text": ("bytes", ["ä".encode()])}, "Classification"),
        ("people", {"age": ("float", [4]), "city": ("bytes", [b"Bern"])}, "Classification"),
        ("things", {"any": ("bytes", [b"text"])}, "Classification"),
    ],
)
def test_features_are_bytes_text_and_columns(zoo, model, features, message):
    """Whatever the model takes; what answers with text classifies nothing."""
    path = {"Regression": "Regress", "Classification": "Classify"}[message]
    request = asked(message, model, [example(**features)])
    if message == "Regression":
        response = zoo.call(f"{SERVICE}/{path}", request)
        assert [each.value for each in response.result.regressions] == [3.0]
    else:
        code, words = zoo.refused(f"{SERVICE}/{path}", request)
        assert (code, "does not classify" in words) == ("INVALID_ARGUMENT", True)


def test_several_tasks_over_one_context(zoo):
    """In the order of the tasks, each with its own signature."""
    said = pool()["tensorflow.serving.MultiInferenceRequest"]()
    for method, signature in ((REGRESS, "predict"), (CLASSIFY, "predict_proba")):
        task = said.tasks.add(method_name=method)
        task.model_spec.name, task.model_spec.signature_name = "scores", signature
    listed = said.input.example_list_with_context
    listed.examples.extend([example(), example(input=("float", [0, 4]))])
    listed.context.CopyFrom(example(input=("float", [1, 3])))
    first, second = zoo.call(f"{SERVICE}/MultiInference", said).results
    assert [each.value for each in first.regression_result.regressions] == [4.0, 4.0]
    scores = [row.classes[0].score for row in second.classification_result.classifications]
    assert scores == pytest.approx([0.25, 0.0])
    assert second.model_spec.signature_name == "predict_proba"


@pytest.mark.parametrize(
    ("kind", "model", "examples", "code", "word"),
    [
        ("Regression", "nothing", rows([1, 2]), "NOT_FOUND", "nothing"),
        ("Regression", "sums", [], "INVALID_ARGUMENT", "example"),
        ("Regression", "sums", rows([1]), "INVALID_ARGUMENT", "instances[0]"),
        ("Regression", "sums", rows([-1, 2]), "INTERNAL", "failed"),
        ("Regression", "pair", rows([1, 2]), "INVALID_ARGUMENT", ""),
        ("Regression", "sums", [example(input=("bytes", [b"1"]))], "INVALID_ARGUMENT", ""),
        ("Regression", "things", [example(x=("bytes", [b"\xff"]))], "INVALID_ARGUMENT", "UTF-8"),
        ("Classification", "sums", rows([1, 2]), "INVALID_ARGUMENT", "classify"),
    ],
)
def test_what_is_wrong_with_examples_is_said(zoo, kind, model, examples, code, word):
    """By its code, and in words."""
    path = {"Regression": "Regress", "Classification": "Classify"}[kind]
    found, words = zoo.refused(f"{SERVICE}/{path}", asked(kind, model, examples))
    assert (found, word in words) == (code, True), words


def test_tasks_that_are_none(zoo):
    """None at all, of two models, or of another kind."""
    path, message = f"{SERVICE}/MultiInference", pool()["tensorflow.serving.MultiInferenceRequest"]
    assert zoo.refused(path, message())[0] == "INVALID_ARGUMENT"
    said = message()
    for name in ("sums", "scores"):
        said.tasks.add(method_name=REGRESS).model_spec.name = name
    assert "one model" in zoo.refused(path, said)[1]
    said = message()
    said.tasks.add(method_name="other").model_spec.name = "sums"
    assert zoo.refused(path, said)[0] == "UNIMPLEMENTED"
