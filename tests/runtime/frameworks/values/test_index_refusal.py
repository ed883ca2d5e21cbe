"""Numbers that stand for no entry of an embedding."""

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from modelbundle.runtime.errors import InvalidInput
from modelbundle.runtime.frameworks.onnx import Onnx
from modelbundle.runtime.frameworks.pytorch.caller import Caller


class Pair(torch.nn.Module):
    """Looks up one of its two inputs of whole numbers."""

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(10, 2)

    def forward(self, ids, lengths, scale):
        return self.table(ids).sum(1) * lengths[:, None] * scale[:, None]


@pytest.mark.parametrize("wrong", [10, -1, 2**53 + 1])
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
@pytest.mark.parametrize("is_scripted", [False, True])
def test_an_index_out_of_range_is_the_fault_of_the_request(wrong, is_scripted):
    module = torch.nn.Sequential(torch.nn.Embedding(10, 2))
    caller = Caller(torch.jit.script(module) if is_scripted else module)
    assert caller.call("forward", np.array([[3, 9]])).shape == (1, 2, 2)
    low, high = sorted((3, wrong))
    with pytest.raises(InvalidInput, match=f"^instances: .* no entry .* from {low} to {high}"):
        caller.call("forward", np.array([[3, wrong]]))


def test_inputs_of_whole_numbers_are_named():
    batch = {"ids": np.array([[99]]), "lengths": np.array([1]), "scale": np.ones(1, "float32")}
    with pytest.raises(InvalidInput, match=r"^instances\.ids or instances\.lengths: "):
        Caller(Pair()).call("forward", batch)


def test_other_failures_are_the_models_own():
    class Broken(torch.nn.Module):
        def forward(self, rows):
            return [rows][len(rows)]

    with pytest.raises(IndexError, match="list index"):
        Caller(Broken()).call("forward", np.array([[3]]))


def test_a_graph_refuses_them_as_a_module_does():
    session = onnxruntime.InferenceSession(a_lookup().SerializeToString())
    assert Onnx().call(session, "predict", np.array([[9]])).shape == (1, 1, 2)
    with pytest.raises(InvalidInput, match=r"^instances\.ids: .* from 10 to 10\.$"):
        Onnx().call(session, "predict", np.array([[10]]))


def test_onnxruntime_writes_no_log_of_its_own_about_it(capfd):
    """A line for each such request, in color, between those of a JSON log."""
    adapter = Onnx()
    session = adapter.prepare(a_lookup())
    with pytest.raises(InvalidInput):
        adapter.call(session, "predict", np.array([[10]]))
    assert capfd.readouterr().err == ""


def a_lookup():
    """A graph with an embedding of ten."""
    table = numpy_helper.from_array(np.zeros((10, 2), "float32"), "table")
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", 1])
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", 1, 2])
    node = helper.make_node("Gather", ["table", "ids"], ["rows"])
    graph = helper.make_graph([node], "g", [ids], [rows], [table])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
