"""Axes: rows on another axis than the first, of inputs as the author says, of outputs as it shows."""

import numpy as np
import onnx
import pandas as pd
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

import modelbundle
from modelbundle.bundler.errors import InvalidSource, SampleMismatch
from modelbundle.bundler.store import Store
from modelbundle.runtime.models.model import LoadedModel

RANDOM = np.random.default_rng(0)


class Tagger(nn.Module):
    """Takes (steps, rows, 3), as PyTorch's recurrent networks do unless they are told otherwise."""

    def __init__(self, scores=2):
        super().__init__()
        self.scores = scores
        self.recurrent = nn.LSTM(3, 4, num_layers=2)
        self.layer = nn.Linear(4, scores)

    def forward(self, steps):
        output, (hidden, _) = self.recurrent(steps)
        return {"steps": self.layer(output), "hidden": hidden, "last": self.layer(output[-1])}


def saved(model, sample, **options):
    item = modelbundle.save("m", model, sample=sample, **options)
    return LoadedModel.load(Store.default().directory(item))


def numbers(*shape):
    return RANDOM.random(shape, dtype=np.float32)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_network_that_takes_the_steps_first_shares_its_calls(count):
    network = Tagger().eval()
    loaded = saved(network, numbers(5, count, 3), batch_axis=1)
    signature = loaded.manifest.methods["predict"]
    assert signature.batchable
    assert signature.inputs.fields[0].shape == (None, 5, 3)
    shapes = {field.name: field.shape for field in signature.outputs.fields}
    assert shapes == {"steps": (None, 5, 2), "hidden": (None, 2, 4), "last": (None, 2)}

    rows = numbers(3, 5, 3)
    answer = loaded.call("predict", rows)
    for place, row in enumerate(rows):
        alone = network(torch.from_numpy(row[:, None]))
        for name, part in alone.items():
            wanted = part[0] if name == "last" else part[:, 0]
            np.testing.assert_allclose(answer[name][place], wanted.detach(), atol=1e-6)


def test_a_list_has_its_rows_first_and_leaves_the_number_of_steps_free():
    loaded = saved(Tagger(), [numbers(5, 3), numbers(7, 3)], batch_axis=1)
    signature = loaded.manifest.methods["predict"]
    assert signature.inputs.fields[0].shape == (None, None, 3)
    assert signature.outputs.fields[0].shape == (None, None, 2)
    assert loaded.call("predict", numbers(2, 9, 3))["steps"].shape == (2, 9, 2)


def test_each_of_several_inputs_may_have_its_own():
    class Both(nn.Module):
        def forward(self, steps, context):
            return steps.sum(0) + context

    for axis in ({"steps": 1}, {"steps": 1, "context": 0}):
        loaded = saved(Both(), (numbers(5, 2, 3), numbers(2, 3)), batch_axis=axis)
        fields = loaded.manifest.methods["predict"].inputs.fields
        assert [field.shape for field in fields] == [(None, 5, 3), (None, 3)]
        steps, context = numbers(4, 5, 3), numbers(4, 3)
        got = loaded.call("predict", {"steps": steps, "context": context})
        np.testing.assert_allclose(got, steps.sum(1) + context, rtol=1e-5)


def test_an_axis_for_all_inputs_is_for_those_that_have_so_many():
    class Masked(nn.Module):
        def forward(self, steps, lengths):
            return steps.sum((0, 2)) / lengths

    loaded = saved(Masked(), (numbers(5, 2, 3), numbers(2) + 1), batch_axis=1)
    fields = loaded.manifest.methods["predict"].inputs.fields
    assert [(field.shape, field.axis) for field in fields] == [((None, 5, 3), 1), ((None,), 0)]


def test_a_graph_says_its_own_sizes_and_gets_its_rows_where_it_has_them(tmp_path):
    steps = helper.make_tensor_value_info("steps", TensorProto.FLOAT, ["length", "rows", 3])
    total = helper.make_tensor_value_info("total", TensorProto.FLOAT, ["rows", 3])
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [0])
    node = helper.make_node("ReduceSum", ["steps", "axes"], ["total"], keepdims=0)
    graph = helper.make_graph([node], "sum", [steps], [total], [axes])
    sets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=sets, ir_version=8), tmp_path / "m.onnx")

    loaded = saved(tmp_path / "m.onnx", numbers(5, 2, 3), batch_axis=1)
    signature = loaded.manifest.methods["predict"]
    assert signature.inputs.fields[0].shape == (None, None, 3)
    assert signature.batchable
    rows = numbers(4, 6, 3)
    np.testing.assert_allclose(loaded.call("predict", rows), rows.sum(1), rtol=1e-5)


def test_a_function_gets_them_where_it_has_them():
    loaded = saved(lambda rows: rows.sum(axis=0), numbers(3, 2), batch_axis=1)
    assert loaded.manifest.methods["predict"].inputs.fields[0].shape == (None, 3)
    np.testing.assert_allclose(loaded.call("predict", np.eye(3)[:2]), [1, 1])


def test_an_author_may_say_it_in_a_signature():
    side = {"layout": "array", "fields": [{"name": "x", "dtype": "float32", "shape": [None, 5, 3]}]}
    inputs = {"layout": "array", "fields": [side["fields"][0] | {"axis": 1}]}
    said = {"predict": {"inputs": inputs, "outputs": side, "batchable": True}}

    class Same(nn.Module):
        def forward(self, steps):
            return steps.transpose(0, 1)

    loaded = saved(Same(), numbers(5, 2, 3), signatures=said)
    rows = numbers(4, 5, 3)
    np.testing.assert_array_equal(loaded.call("predict", rows), rows)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_hidden_state_is_never_taken_for_rows(layers, count):
    """It has as many of them as the network has layers, which may be as many as the sample's."""

    class Encoder(nn.GRU):
        def forward(self, rows):
            return super().forward(rows)

    network = Encoder(2, 3, num_layers=layers, batch_first=True)
    loaded = saved(network, torch.rand(count, 4, 2))
    signature = loaded.manifest.methods["predict"]
    assert signature.batchable
    assert [f.shape for f in signature.outputs.fields] == [(None, 4, 3), (None, layers, 3)]
    rows = torch.rand(5, 4, 2)
    output, hidden = loaded.call("predict", rows.numpy())
    wanted = network(rows)
    np.testing.assert_allclose(output, wanted[0].detach(), atol=1e-6)
    np.testing.assert_allclose(hidden, wanted[1].transpose(0, 1).detach(), atol=1e-6)


def test_what_has_no_axis_of_rows_is_no_output():
    class Constant(nn.Module):
        def forward(self, rows):
            return rows, torch.ones(2, 3)

    for count in (1, 2, 3):
        with pytest.raises(SampleMismatch, match="differ in their number of rows"):
            saved(Constant(), torch.ones(count, 3))


@pytest.mark.parametrize(
    ("sample", "axis", "said"),
    [
        (np.ones((2, 3)), 2, "`input-0` has 2 axes"),
        (np.ones((2, 3)), -1, "`input-0` has 2 axes"),
        (np.ones((2, 3)), {"y": 1}, "names `y`"),
        (pd.DataFrame({"x": [1.0]}), 1, "for a sample of arrays"),
        (["a", "b"], 1, "for a sample of arrays"),
    ],
)
def test_an_axis_that_cannot_be_is_told(sample, axis, said):
    with pytest.raises(SampleMismatch, match=said):
        saved(lambda rows: rows, sample, batch_axis=axis)


def test_only_a_sample_shows_where_the_answers_have_their_rows():
    with pytest.raises(InvalidSource, match="`batch_axis` needs one"):
        modelbundle.save("m", Tagger(), batch_axis=1)
