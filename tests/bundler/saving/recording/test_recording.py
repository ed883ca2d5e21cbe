"""Recording: what a sample tells of a model, and what it is refused for."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from torch import nn

import modelbundle
from modelbundle.bundler.errors import InvalidSource, SampleMismatch, Unpicklable, UnsupportedModel
from modelbundle.bundler.store import Store
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.data.samples import Samples
from modelbundle.runtime.errors import InvalidModel
from modelbundle.runtime.manifests.signature import OBJECTS

from .saved_model import answer, saved


class Both(nn.Module):
    """Two inputs."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, left, right):
        return self.layer(torch.cat([left, right], 1))


def test_the_inputs_of_a_module_are_called_as_in_its_forward():
    loaded = saved(Both().eval(), (torch.ones(2, 1), torch.ones(2, 2)))
    fields = loaded.manifest.methods["predict"].inputs.fields
    assert [field.name for field in fields] == ["left", "right"]
    assert len(answer(loaded, [{"left": [1], "right": [2, 3]}])) == 1


def test_a_bfloat16_sample_is_one_of_numbers():
    model = nn.Linear(2, 1).bfloat16()
    loaded = saved(model, torch.ones(2, 2, dtype=torch.bfloat16))
    live = model(torch.ones(1, 2, dtype=torch.bfloat16)).float()
    assert answer(loaded, [[1, 1]])[0] == pytest.approx(live[0].tolist())


def test_rows_of_bytes_arrive_as_bytes():
    loaded = saved(lambda rows: [len(row) for row in rows], [b"ab", b"c"])
    assert answer(loaded, [{"b64": "YWJj"}]) == [3]


def absolute(taken, given):
    """An ONNX graph of one node; its output is called SCORE."""
    from onnx import TensorProto, helper

    x = helper.make_tensor_value_info("X", TensorProto.FLOAT, taken)
    y = helper.make_tensor_value_info("SCORE", TensorProto.FLOAT, given)
    graph = helper.make_graph([helper.make_node("Abs", ["X"], ["SCORE"])], "abs", [x], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_the_only_output_of_an_onnx_graph_keeps_its_name_and_open_axis():
    """Clients of other servers ask for it by that name."""
    loaded = saved(absolute(["n", "m"], ["n", "m"]), np.ones((2, 8), np.float32))
    (field,) = loaded.manifest.methods["predict"].outputs.fields
    assert (field.name, field.shape) == ("SCORE", (None, None))


def test_an_output_of_an_onnx_graph_has_the_size_of_its_answers_if_nothing_varies():
    """Shape inference leaves sizes open that the weights have fixed."""
    loaded = saved(absolute(["n", 3], ["n", None]), np.ones((2, 3), np.float32))
    (field,) = loaded.manifest.methods["predict"].outputs.fields
    assert (field.name, field.shape) == ("SCORE", (None, 3))


def test_the_columns_of_an_onnx_pipeline_are_rows_of_a_table():
    from skl2onnx import to_onnx
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    frame = pd.DataFrame({"age": np.arange(6, dtype="float32"), "city": ["Oslo", "Rome"] * 3})
    columns = ColumnTransformer([("c", OneHotEncoder(), ["city"])], remainder="passthrough")
    pipeline = make_pipeline(columns, LogisticRegression()).fit(frame, [0, 1] * 3)
    model = to_onnx(pipeline, frame[:1], options={id(pipeline): {"zipmap": False}})
    loaded = saved(model, frame.head(2))
    got = answer(loaded, [{"age": 3.0, "city": "Rome"}])
    assert got[0]["label"] == pipeline.predict(frame.iloc[[3]])[0]


async def later(rows):
    """A model that cannot be called from a thread."""
    return rows


def each(rows):
    """A model that answers row by row."""
    yield from rows


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda rows: float(len(rows)), "answered with a `float`, not with rows"),
        (lambda rows: None, "answered with a `NoneType`, not with rows"),
        (later, "answered with a `coroutine`, not with rows"),
        (each, "answered with a `generator`, not with rows"),
        (lambda rows: [object() for _ in rows], "answered with a `object`, which is not JSON"),
        (lambda rows: (rows, rows[:1]), "outputs differ in their number of rows"),
    ],
)
def test_answers_that_no_request_could_get_are_told_at_once(model, said):
    with pytest.raises(SampleMismatch, match=said):
        modelbundle.save("m", model, sample=np.ones((3, 2)))


def test_an_answer_that_is_not_a_number_is_only_not_recorded():
    loaded = saved(lambda rows: rows[:, 0] * np.nan, np.ones((3, 2)))
    assert loaded.manifest.samples == {}


class Scorer:
    """Two methods."""

    def predict(self, rows):
        return rows[:, 0]

    def score(self, rows):
        return rows[:, 1]


def test_a_method_that_is_not_there_is_told_with_the_nearest():
    with pytest.raises(UnsupportedModel) as caught:
        modelbundle.save("m", Scorer(), sample=np.ones((3, 2)), methods=["predct"])
    assert str(caught.value).endswith(".Scorer` has no method `predct`.")
    assert caught.value.hint == "Did you mean `predict`?"


def test_a_hint_is_seen_in_a_notebook_too():
    with pytest.raises(SampleMismatch) as caught:
        modelbundle.save("m", later, sample=[1])
    assert caught.value.__notes__ == [f"hint: {caught.value.hint}"]


def test_what_a_library_says_is_one_sentence():
    with pytest.raises(SampleMismatch) as caught:
        modelbundle.save("m", LogisticRegression().fit(np.eye(2), [0, 1]), sample=np.ones(2))
    said = str(caught.value)
    assert said == (
        "`predict` fails on the sample: ValueError: Expected 2D array, got 1D array instead: "
        "array=[1. 1.]."
    )
    assert caught.value.hint == "One row is given as a list of one: `[row]`."


def test_records_of_unlike_fields_reach_the_model_that_wants_them():
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.pipeline import make_pipeline

    rows = [{"age": 1, "city": "Oslo"}, {"age": 2}, {"city": "Rome"}]
    model = make_pipeline(DictVectorizer(), LogisticRegression()).fit(rows, [0, 1, 1])
    loaded = saved(model, rows)
    assert loaded.manifest.methods["predict"].batchable
    assert answer(loaded, rows) == model.predict(rows).tolist()


def test_a_model_that_has_learned_nothing_is_told_apart():
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.pipeline import make_pipeline

    for model in (LogisticRegression(), make_pipeline(HashingVectorizer(), LogisticRegression())):
        with pytest.raises(InvalidModel, match="`LogisticRegression` is not fitted"):
            modelbundle.save("m", model)
    modelbundle.save("m", HashingVectorizer())


@pytest.mark.parametrize("sample", ["good film", 3.5, b"x"])
def test_a_sample_that_is_one_value_is_told_apart(sample):
    with pytest.raises(SampleMismatch, match="not rows") as caught:
        modelbundle.save("m", lambda rows: rows, sample=sample)
    assert "[row]" in caught.value.hint


def test_a_model_that_could_not_be_read_again_is_not_saved():
    given = {
        "inputs": {"layout": "array", "fields": [{"name": "x", "dtype": "a dtype", "shape": [1]}]},
        "outputs": {"layout": "objects", "fields": []},
        "batchable": False,
    }
    with pytest.raises(InvalidSource, match="is not a dtype"):
        modelbundle.save("m", len, signatures={"predict": given})
    assert not list(Store.default().items("model"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"outputs": {"layout": "objects", "fields": []}}, "'inputs' is missing"),
        ({"inputs": [], "outputs": [], "batchable": True}, "list indices"),
        ("array", "string indices"),
    ],
)
def test_what_is_no_signature_is_told_with_what_one_looks_like(given, said):
    with pytest.raises(InvalidSource, match=said) as told:
        modelbundle.save("m", len, signatures={"predict": given})
    assert '"layout": "array"' in told.value.hint


def test_a_signature_of_a_method_that_is_not_served_is_not_passed_over():
    given = {"inputs": OBJECTS.to_json(), "outputs": OBJECTS.to_json(), "batchable": False}
    with pytest.raises(InvalidSource, match="`predct`, which is not served") as told:
        modelbundle.save("m", len, signatures={"predct": given})
    assert "`predict`" in told.value.hint


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        (lambda rows: [1j] * len(rows), "numbers, texts, times"),
        (lambda rows: len(rows), "one prediction for each row"),  # noqa: PLW0108
    ],
)
def test_an_answer_that_none_could_get_is_refused_with_a_way_out(model, hint):
    with pytest.raises(SampleMismatch) as caught:
        modelbundle.save("m", model, sample=[1, 2])
    assert hint in (caught.value.hint or "")


def test_a_parametrized_module_is_told_how_to_settle():
    net = torch.nn.utils.parametrizations.weight_norm(nn.Linear(2, 1))
    with pytest.raises(Unpicklable, match="cannot be pickled") as caught:
        modelbundle.save("m", net, sample=torch.ones(2, 2))
    assert "remove_parametrizations" in (caught.value.hint or "")
    torch.nn.utils.parametrize.remove_parametrizations(net, "weight")
    assert len(answer(saved(net, torch.ones(2, 2)), [[1, 1]])) == 1


def test_categories_are_numbered_as_in_the_sample():
    """A request with one of them alone would have numbered that 0."""
    kinds = pd.CategoricalDtype(["low", "mid", "high"], ordered=True)
    frame = pd.DataFrame({"level": pd.Series(["low", "high"], dtype=kinds)})
    loaded = saved(lambda rows: rows["level"].cat.codes + (rows["level"] > "low") * 10, frame)
    assert answer(loaded, [{"level": "high"}]) == [12]


def test_columns_made_of_categories_are_those_of_the_sample():
    frame = pd.DataFrame({"kind": pd.Categorical(["a", "b", "c"])})
    loaded = saved(lambda rows: pd.get_dummies(rows).to_numpy(float), frame)
    assert answer(loaded, [{"kind": "b"}]) == [[0, 1, 0]]


@pytest.mark.parametrize(
    "many", [lambda made: made, lambda made: {"a": made}, lambda made: (made,)]
)
def test_a_function_may_answer_with_tensors(many):
    loaded = saved(lambda rows: many(torch.as_tensor(rows).bfloat16() * 2), np.ones((2, 1)))
    assert loaded.manifest.methods["predict"].outputs.fields[0].dtype == "float32"
    assert answer(loaded, [[3.0]]) in ([[6.0]], [{"a": [6.0]}], [{"output-0": [6.0]}])


def added(frame):
    frame["twice"] = frame["x"] * 2
    return frame.pop("x") + frame["twice"]


def scaled(rows):
    rows *= 2
    return rows.sum(axis=1)


def popped(records):
    return [record.pop("x") * 3 for record in records]


@pytest.mark.parametrize(
    ("model", "sample"),
    [
        (added, pd.DataFrame({"x": [1.0, 2.5]})),
        (scaled, np.array([[1.0, 0.5], [2.5, 1.25]])),
        (popped, [{"x": 1.0}, {"x": 2.5}]),
    ],
)
def test_a_model_that_changes_its_rows_changes_neither_the_sample_nor_what_is_recorded(
    model, sample
):
    before = copy.deepcopy(sample)
    loaded = saved(model, sample)
    assert np.array_equal(np.asarray(sample), np.asarray(before))
    assert loaded.manifest.methods["predict"].batchable
    asked = table.to_instances(before)
    recorded = Samples.read(loaded.directory / loaded.manifest.samples["predict"])
    assert recorded.inputs == asked
    assert answer(loaded, copy.deepcopy(asked)) == [3.0, 7.5]
    assert answer(loaded, copy.deepcopy(asked[1:])) == [7.5]


class Claiming(BaseEstimator):
    """Claims names after it was fitted on a matrix, and takes no table (FLAML's AutoML)."""

    feature_names_in_ = np.array(["Column_0", "Column_1"])

    def predict(self, rows):
        assert isinstance(rows, np.ndarray)
        return rows.sum(1)


@pytest.mark.parametrize("as_given", [lambda rows: rows, np.ndarray.tolist])
def test_a_matrix_stays_one_where_the_model_claims_names_that_it_does_not_take(as_given):
    rows = np.arange(8.0).reshape(4, 2)
    loaded = saved(Claiming(), as_given(rows[:2]))
    assert loaded.manifest.methods["predict"].inputs.layout == "array"
    assert answer(loaded, [[3.0, 4.0]]) == pytest.approx([7.0])


class Distribution:
    """Has None for each attribute that nobody gave it (NGBoost's distributions)."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

    def __len__(self):
        return 4


class Probabilistic(LinearRegression):
    def pred_dist(self, rows):
        return Distribution()


def test_an_answer_that_has_any_attribute_is_told_by_its_class():
    rows = np.arange(8.0).reshape(4, 2)
    model = Probabilistic().fit(rows, rows.sum(1))
    with pytest.raises(SampleMismatch, match="answered with a `Distribution`"):
        saved(model, rows, methods=["pred_dist"])


def test_a_hidden_state_with_the_rows_first_is_an_output():
    class Encoder(nn.GRU):
        def forward(self, rows):
            output, hidden = super().forward(rows)
            return output, hidden.transpose(0, 1)

    loaded = saved(Encoder(2, 3, num_layers=2, batch_first=True), torch.rand(2, 4, 2))
    side = loaded.manifest.methods["predict"].outputs
    assert [field.shape for field in side.fields] == [(None, 4, 3), (None, 2, 3)]
    assert loaded.manifest.methods["predict"].batchable
