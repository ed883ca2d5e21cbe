"""ONNX files: what they would read beside themselves is found wherever in the graph it stands."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from modelbundle.runtime.errors import InvalidModel
from modelbundle.runtime.frameworks.onnx import Onnx
from modelbundle.runtime.frameworks.onnx_graph import file as onnx_file
from modelbundle.runtime.pickles.policy import Policy


def outside(location):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def value(name):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [4])


def constant(location):
    return [
        helper.make_node("Constant", [], ["w"], value=outside(location)),
        helper.make_node("Add", ["x", "w"], ["y"]),
    ]


def of_initializer(location):
    node = helper.make_node("Add", ["x", "w"], ["y"])
    return helper.make_graph([node], "g", [value("x")], [value("y")], [outside(location)]), {}


def of_node(location):
    return helper.make_graph(constant(location), "g", [value("x")], [value("y")]), {}


def of_branch(location):
    node = helper.make_node("Add", ["x", "w"], ["y"])
    branch = helper.make_graph([node], "b", [], [value("y")], [outside(location)])
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    return helper.make_graph([node], "g", [value("x"), value("c")], [value("y")]), {}


def of_function(location):
    imports = [helper.make_opsetid("", 18)]
    function = helper.make_function("d", "F", ["x"], ["y"], constant(location), imports)
    node = helper.make_node("F", ["x"], ["y"], domain="d")
    graph = helper.make_graph([node], "g", [value("x")], [value("y")])
    return graph, {"functions": [function]}


def of_sparse(location):
    graph, _ = of_node("here")
    del graph.node[0]
    graph.sparse_initializer.add(values=outside(location), dims=[4])
    return graph, {}


PLACES = [of_initializer, of_node, of_branch, of_function, of_sparse]


@pytest.fixture
def write(tmp_path):
    def written(make, location):
        graph, more = make(location)
        (tmp_path / "model.onnx").write_bytes(helper.make_model(graph, **more).SerializeToString())
        return tmp_path / "model.onnx"

    return written


@pytest.mark.parametrize("make", PLACES)
def test_weights_beside_the_file_are_named_wherever_they_are_asked_for(write, make):
    path = write(make, "w.data")
    assert onnx_file.is_one(path)
    assert onnx_file.external_files(path) == ["w.data"]


@pytest.mark.parametrize("make", PLACES)
@pytest.mark.parametrize("location", ["../w", "/etc/passwd", "*/_ORT_MEM_ADDR_/*", "a\\b", ""])
def test_what_lies_elsewhere_is_refused_when_it_is_saved_and_when_it_is_loaded(
    write, make, location
):
    path = write(make, location)
    with pytest.raises(InvalidModel, match="outside its directory"):
        onnx_file.external_files(path)
    with pytest.raises(InvalidModel, match="outside its directory"):
        Onnx().load(path.parent, "onnx", {}, "cpu", Policy())


def test_a_damaged_file_is_told(write):
    path = write(of_branch, "w.data")
    whole = path.read_bytes()
    for cut in range(whole.index(b"location"), len(whole)):
        path.write_bytes(whole[:cut])
        try:
            assert onnx_file.external_names(path) in ([], ["w.data"])
        except InvalidModel as error:
            assert "damaged" in str(error)  # noqa: PT017  both are right, by where it is cut


def test_words_in_weights_are_no_locations(tmp_path):
    tensor = onnx.numpy_helper.from_array(np.frombuffer(b"location../../etc/passwd", "u1"), "w")
    graph = helper.make_graph([], "g", [value("x")], [value("x")], [tensor])
    (tmp_path / "m.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    assert onnx_file.external_files(tmp_path / "m.onnx") == []


ELSEWHERE = b"\x12\x06../w.d"
FORGED = {
    "a key of another type behind it": b"\x0a\x08location\x08\x05" + ELSEWHERE,
    "a value of another type behind it": b"\x0a\x08location" + ELSEWHERE + b"\x15w.da",
    "a value of eight bytes behind it": b"\x0a\x08location" + ELSEWHERE + b"\x11w.data..",
}


@pytest.mark.parametrize("entry", FORGED.values(), ids=FORGED)
def test_a_field_of_another_type_is_passed_over_as_onnxruntime_does(write, entry):
    path = write(of_initializer, "w.data")
    whole = path.read_bytes()
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=1)
    forged = tensor.SerializeToString() + b"\x6a" + bytes([len(entry)]) + entry
    graph = b"\x2a" + bytes([len(forged)]) + forged
    path.write_bytes(whole + b"\x3a" + bytes([len(graph)]) + graph)  # one more, which is merged
    read = onnx.load_model(path, load_external_data=False).graph.initializer[-1]
    assert [(each.key, each.value) for each in read.external_data] == [("location", "../w.d")]
    with pytest.raises(InvalidModel, match="outside its directory"):
        onnx_file.external_names(path)


def test_a_field_number_whose_upper_bits_some_readers_drop_is_none(write):
    path = write(of_node, "w.data")
    tensor = outside("../w.d").SerializeToString()
    graph = b"\x2a" + bytes([len(tensor)]) + tensor
    path.write_bytes(path.read_bytes() + b"\xba\x80\x80\x80\x10" + bytes([len(graph)]) + graph)
    with pytest.raises(InvalidModel, match="damaged"):
        onnx_file.external_names(path)
