"""Outputs that are asked for by the names of methods, over REST and gRPC."""

import grpc
import numpy as np
import pytest

from modelbundle.runtime.grpc.messages.pool import pool

from ..conftest import free_port
from ..grpc.conftest import Client, request
from .zoo import zoo_server

ROWS = [[1.0, 3.0], [3.0, 1.0]]
BOTH = {"predict_proba": [0.25, 0.75, 0.75, 0.25], "predict": [4.0, 4.0]}


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def server(tmp_path_factory, port):
    """A server of a classifier, among others."""
    with zoo_server(tmp_path_factory, "v2", "grpc", grpc={"port": port}) as running:
        yield running


@pytest.fixture(scope="module")
def infer(server):
    """Asks a model for outputs, and gives the answer."""
    with server.client() as client:

        def post(*names, model="scores", rows=ROWS):
            shape = list(np.shape(rows))
            data = np.ravel(rows).tolist()
            row = {"name": "x", "datatype": "FP64", "shape": shape, "data": data}
            body = {"inputs": [row], "outputs": [{"name": name} for name in names]}
            return client.post(f"/v2/models/{model}/infer", json=body)

        yield post


@pytest.mark.parametrize("names", [["predict_proba"], ["predict"], ["predict_proba", "predict"]])
def test_outputs_are_the_answers_of_methods(infer, names):
    """As MLServer's clients ask for them; in the order in which they were asked for."""
    said = infer(*names).json()["outputs"]
    assert [each["name"] for each in said] == names
    assert [each["data"] for each in said] == [pytest.approx(BOTH[name]) for name in names]
    assert said[0]["shape"] == ([2, 2] if names[0] == "predict_proba" else [2])


def test_large_requests_are_answered_alike(infer):
    """Whose JSON another process reads."""
    rows = np.repeat([[1 / 3, 2 / 3]], 4000, axis=0)
    assert len(str(rows.tolist())) > 1 << 16
    said = infer("predict_proba", "predict", rows=rows).json()["outputs"]
    assert [(each["name"], each["shape"]) for each in said] == [
        ("predict_proba", [4000, 2]),
        ("predict", [4000]),
    ]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["predict_proba", "scores"], "unexpected inference output 'predict_proba'"),
        (["predict", "predict"], "unexpected inference output 'predict'"),
        (["guess"], "unexpected inference output 'guess'"),
    ],
)
def test_anything_else_is_refused_as_before(infer, names, told):
    """An unknown name, one that comes twice, and one of each kind."""
    answer = infer(*names)
    assert answer.status_code == 400
    assert told in answer.json()["error"]


@pytest.mark.parametrize("is_raw", [True, False])
def test_grpc_answers_alike(server, port, is_raw):
    """At first, and when the form of the call is known."""
    asked = request(ROWS, model="scores", is_raw=is_raw)
    for name in BOTH:
        asked.outputs.add(name=name)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for _ in range(5):
            said = Client(channel).call("ModelInfer", asked)
            assert [each.name for each in said.outputs] == list(BOTH)
            assert [numbers(said, place) for place in range(2)] == [
                pytest.approx(each) for each in BOTH.values()
            ]
        alone = pool()["inference.ModelInferRequest"]()
        alone.CopyFrom(asked)
        alone.outputs.add(name="guess")
        code, _ = Client(channel).refused("ModelInfer", alone)
    assert code == "INVALID_ARGUMENT"


def numbers(said, place):
    """Those of an output, whatever form they have."""
    if said.raw_output_contents:
        return np.frombuffer(said.raw_output_contents[place], np.float64).tolist()
    return list(said.outputs[place].contents.fp64_contents)
