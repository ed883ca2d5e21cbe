"""The calls of Seldon's orchestrator to transformers, routers and combiners, over gRPC."""

import numpy as np
import pytest

from modelbundle.bundler.building.service.service_source import read_service
from modelbundle.runtime.grpc.tensors import struct, tensor_proto

from ...conftest import Servers, write_bundle
from ...dialects.test_seldon_component import SOURCE
from ..conftest import Client, Served, free_port
from .test_seldon import json_message, listed, message

INPUT = ("Transformer/TransformInput", "Generic/TransformInput")
OUTPUT = ("OutputTransformer/TransformOutput", "Generic/TransformOutput")
ROUTE = ("Router/Route", "Generic/Route")
AGGREGATE = ("Combiner/Aggregate", "Generic/Aggregate")


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Asks a service class that is each of them."""
    directory, servers = tmp_path_factory.mktemp("parts"), Servers(tmp_path_factory.mktemp("run"))
    (directory / "src").mkdir()
    (directory / "src" / "parts.py").write_text(SOURCE)
    routes = read_service(directory / "src", "parts:Parts").routes
    serve = {"workers": 1, "dialects": ["native", "grpc"]}
    write_bundle(directory, models=(), service="parts:Parts", routes=routes, serve=serve)
    port = free_port()
    running = Served(**vars(servers.start(directory, f"--grpc-port={port}")), grpc_port=port)
    with running.channel() as channel:
        yield Client(channel)
    servers.stop()


@pytest.fixture
def model(zoo):
    """Asks a model, which is none of them."""
    with zoo.channel() as channel:
        yield Client(channel)


def call(client, path, asked):
    return client.call(f"/seldon.protos.{path}", asked)


def several(*messages):
    return message("SeldonMessageList", seldonMessages=messages)


@pytest.mark.parametrize("path", INPUT)
def test_a_transformer_answers_in_the_representation_of_the_message(parts, path):
    asked = listed([[1, 2]], "a", "b")
    asked.meta.puid = "7"
    told = call(parts, path, asked)
    assert (struct.read_list(told.data.ndarray), told.meta.puid) == ([[2, 4]], "7")
    told = call(parts, path, message(data={"tensor": {"shape": [1, 2], "values": [1, 2]}}))
    assert (list(told.data.tensor.shape), list(told.data.tensor.values)) == ([1, 2], [2.0, 4.0])
    asked = message()
    given = tensor_proto.Tensor("x", "FP32", (1, 2), np.array([[1, 2]], np.float32))
    tensor_proto.write(asked.data.tftensor, given)
    told = tensor_proto.read("y", call(parts, path, asked).data.tftensor)
    assert told.data.tolist() == [[2.0, 4.0]]


@pytest.mark.parametrize("path", OUTPUT)
def test_a_transformer_of_outputs_too(parts, path):
    assert call(parts, path, message(strData="a")).strData == "A"


@pytest.mark.parametrize("path", ROUTE)
def test_a_router_answers_with_one_whole_number(parts, path):
    """Anything else is the author's mistake."""
    told = call(parts, path, listed([[1, 2]]))
    assert (list(told.data.names), struct.read_list(told.data.ndarray)) == (["t:0"], [[1]])
    wrong = parts.refused(f"/seldon.protos.{path}", listed([[1.5, 2]]))
    assert wrong == ("INTERNAL", "`route` has to answer with one whole number.")


@pytest.mark.parametrize("path", AGGREGATE)
def test_a_combiner_makes_one_message_of_several(parts, path):
    """In the representation of the first, with the tags of all."""
    first, second = listed([[1, 2]]), message(data={"tensor": {"shape": [1, 2], "values": [3, 4]}})
    for each, tags in ((first, {"a": 1, "b": 1}), (second, {"b": 2})):
        for name, value in tags.items():
            struct.write(each.meta.tags[name], value)
    first.meta.puid = "7"
    told = call(parts, path, several(first, second))
    assert struct.read_list(told.data.ndarray) == [[2.0, 3.0]]
    assert {name: struct.read(each) for name, each in told.meta.tags.items()} == {"a": 1, "b": 2}
    assert told.meta.puid == "7"
    told = call(parts, path, several(second, first)).data.tensor
    assert (list(told.shape), list(told.values)) == ([1, 2], [2.0, 3.0])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (several, "Expected `seldonMessages`"),
        (lambda: several(message()), "Expected one of `data`"),
        # Made when it is asked: whoever collects the tests need not make 600,000 lists.
        (lambda: several(json_message([[]] * 600_000)), "tensor"),
    ],
)
def test_what_cannot_be_combined_is_refused(parts, asked, words):
    for path in AGGREGATE:
        found = parts.refused(f"/seldon.protos.{path}", asked())
        assert found[0] == "INVALID_ARGUMENT"
        assert words in found[1]


@pytest.mark.parametrize("path", [*INPUT, *OUTPUT])
def test_a_model_transforms_nothing(model, path):
    """A message comes back as it is."""
    tensor = message(data={"names": ["a"], "tensor": {"shape": [2, 1], "values": [1, 2.5]}})
    for asked in (listed([[1, "x"]], "a", "b"), tensor, message(strData="a"),
                  message(binData=b"\xff\x00"), json_message({"a": [1, None]})):  # fmt: skip
        told = call(model, path, asked)
        assert len(told.meta.puid) == 32
        for each in (told, asked):
            each.ClearField("meta")
        assert told == asked
    assert model.refused(f"/seldon.protos.{path}", message())[0] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("path", "asked"),
    [(ROUTE[0], listed([[1, 2]])), (AGGREGATE[0], several(listed([[1, 2]])))],
    ids=["route", "aggregate"],
)
def test_a_model_neither_routes_nor_combines(model, path, asked):
    code, words = model.refused(f"/seldon.protos.{path}", asked)
    assert code == "INVALID_ARGUMENT"
    assert "not defined" in words
