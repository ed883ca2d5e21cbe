"""Vertex AI's routes, as its environment names them, on a real server."""

import pytest

from modelbundle.bundler.building.service.service_source import read_service
from modelbundle.runtime.dialects.vertex import routes

from ..conftest import write_bundle
from .zoo import zoo_server

ENV = {
    "AIP_HEALTH_ROUTE": "/ping-me",
    "AIP_PREDICT_ROUTE": "/v1/endpoints/12/deployedModels/34:predict",
    "AIP_DEPLOYED_MODEL_ID": "34",
    "AIP_ENDPOINT_ID": "12",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Speaks HTTP to a server that has the variables."""
    with zoo_server(tmp_path_factory, "vertex", env=ENV) as running, running.client() as client:
        yield client


def test_health_and_predictions_are_where_the_environment_says(client):
    """With the id of the deployment."""
    assert client.get("/ping-me").json() == {"status": "healthy"}
    told = client.post(ENV["AIP_PREDICT_ROUTE"], json={"instances": [[1, 2]]})
    assert told.json() == {"predictions": [3.0], "deployedModelId": "34"}


SOURCE = """
import modelbundle as mb


@mb.service
class Painter:
    @mb.api
    def paint(self, text: str) -> bytes:
        return text.encode()
"""


def test_an_answer_that_is_no_json_comes_as_it_is(tmp_path, servers):
    """The id of the deployment was written into the bytes of a file."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "painter.py").write_text(SOURCE)
    found = read_service(tmp_path / "src", "painter:Painter")
    serve = {"workers": 1, "dialects": ["vertex"]}
    write_bundle(tmp_path, models=(), service="painter:Painter", routes=found.routes, serve=serve)
    with servers.start(tmp_path, env=ENV).client() as client:
        told = client.post(ENV["AIP_PREDICT_ROUTE"], json={"text": "a picture"})
    assert (told.status_code, told.content) == (200, b"a picture")
    assert told.headers["content-type"] == "application/octet-stream"


def test_raw_predictions_take_any_body(client):
    """Answered as that content type is anywhere."""
    headers = {"content-type": "text/csv"}
    told = client.post(ENV["AIP_PREDICT_ROUTE"], content=b"1,2", headers=headers)
    assert told.json() == {"predictions": [3.0]}


def test_parameters_are_refused_unless_empty(client):
    """For a model takes none: to leave them out silently would answer another question."""
    path = ENV["AIP_PREDICT_ROUTE"]
    empty = {"instances": [[1, 2]], "parameters": {}}
    assert client.post(path, json=empty).status_code == 200
    told = client.post(path, json={"instances": [[1, 2]], "parameters": {"threshold": 0.5}})
    assert told.status_code == 400
    assert "parameters" in told.json()["error"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"instances": 1}', b'{"instances": [1]}'])
def test_what_is_wrong_is_400(client, body):
    """In JSON."""
    told = client.post(ENV["AIP_PREDICT_ROUTE"], content=body)
    assert told.status_code == 400
    assert told.json()["error"]


def test_default_routes():
    """As Vertex AI derives them from the ids, or our own."""
    base = "/v1/endpoints/12/deployedModels/34"
    ids = {"AIP_ENDPOINT_ID": "12", "AIP_DEPLOYED_MODEL_ID": "34"}
    assert routes(ids) == (base, f"{base}:predict")
    assert routes({}) == ("/health", "/predict")


TENSOR = {"name": "input", "shape": [2, 2], "datatype": "FP64", "data": [1, 2, 3, 4]}
REDIRECT = "X-Vertex-Ai-Triton-Redirect"


def test_tensors_of_tritons_clients(client):
    """Of the first model, or of the one that they wish to be sent on to."""
    path = ENV["AIP_PREDICT_ROUTE"]
    said = client.post(path, json={"inputs": [TENSOR]}).json()
    assert (said["model_name"], said["outputs"][0]["data"]) == ("sums", [3.0, 7.0])
    wanted = [{"name": "output", "parameters": {"binary_data": True}}]
    told = client.post(path, json={"inputs": [TENSOR], "outputs": wanted})
    size = int(told.headers["inference-header-content-length"])
    assert told.headers["content-type"].endswith(
        f"vertex-ai-triton.binary+json;json-header-size={size}"
    )
    assert len(told.content) == size + 16
    sent = {REDIRECT: "v2/models/scores/infer"}
    assert (
        client.post(path, json={"inputs": [TENSOR]}, headers=sent).json()["model_name"] == "scores"
    )
    for status, route in ((404, "v2/models/nothing/infer"), (501, "v2/repository/index")):
        told = client.post(path, json={"inputs": [TENSOR]}, headers={REDIRECT: route})
        assert told.status_code == status, route
