"""bfloat16 in ONNX: graphs have it, numpy has not."""

import numpy as np
import onnx
import pytest

import modelbundle
from modelbundle.bundler.errors import SampleMismatch
from modelbundle.bundler.store import Store
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.errors import NoDevice
from modelbundle.runtime.models.model import LoadedModel

helper, kinds = onnx.helper, onnx.TensorProto


def graph(operator, given, answered, **attributes):
    value = helper.make_tensor_value_info
    made = helper.make_graph(
        [helper.make_node(operator, ["x"], ["y"], **attributes)],
        "g",
        [value("x", given, ["n", 3])],
        [value("y", answered, ["n", 3])],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def answers(model, rows):
    item = modelbundle.save("m", model, sample=np.asarray(rows, "float32"))
    loaded = LoadedModel.load(Store.default().directory(item))
    side = loaded.manifest.methods["predict"].inputs
    assert side.fields[0].dtype == "float32"
    return table.to_instances(loaded.call("predict", table.collate(side, rows)))


ROWS = [[1.0, -2.5, 3.0], [1.0078125 + 2**-9, 1e30, 0.0]]
NEAREST = [[1.0, -2.5, 3.0], [1.0078125, np.float32(1e30), 0.0]]


@pytest.mark.parametrize(
    ("operator", "given", "answered", "attributes"),
    [
        ("Cast", kinds.BFLOAT16, kinds.FLOAT, {"to": kinds.FLOAT}),
        ("Cast", kinds.FLOAT, kinds.BFLOAT16, {"to": kinds.BFLOAT16}),
        ("Identity", kinds.BFLOAT16, kinds.BFLOAT16, {}),
    ],
)
def test_what_is_bfloat16_in_a_graph_is_float32_outside(operator, given, answered, attributes):
    got = answers(graph(operator, given, answered, **attributes), ROWS)
    np.testing.assert_allclose(got, NEAREST, rtol=2**-8)
    assert got[0] == NEAREST[0]
    assert got[1][0] == NEAREST[1][0]


def test_what_numpy_has_no_numbers_for_is_refused_by_name():
    model = graph("Cast", kinds.FLOAT8E4M3FN, kinds.FLOAT, to=kinds.FLOAT)
    model.opset_import[0].version = 19
    with pytest.raises(SampleMismatch, match="takes `x` as tensor"):
        modelbundle.save("m", model, sample=np.ones((2, 3), "float32"))


def test_a_gpu_is_no_silent_fall_back_to_the_cpu():
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime may use a GPU")
    item = modelbundle.save(
        "m", graph("Identity", kinds.FLOAT, kinds.FLOAT), sample=np.float32([ROWS[0]])
    )
    with pytest.raises(NoDevice, match="cannot use a GPU"):
        LoadedModel.load(Store.default().directory(item), "cuda:0")
