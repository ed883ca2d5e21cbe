"""Graphs as files: the same bytes for what is the same."""

from onnx import TensorProto, helper

from modelbundle.runtime.frameworks.onnx import Onnx


def test_the_order_of_operator_sets_is_none_of_the_file(tmp_path):
    """skl2onnx writes them in the order of a set, which is another in each process."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "abs", [x], [y])
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    written = []
    for order in (sets, sets[::-1]):
        model = helper.make_model(graph, opset_imports=order, ir_version=8)
        Onnx().save(model, tmp_path, {})
        written.append((tmp_path / "model.onnx").read_bytes())
        assert [each.domain for each in model.opset_import] == [each.domain for each in order]
    assert written[0] == written[1]
