"""Vertex AI's routes, as its environment names them, on a real server."""

import pytest

from modelbundle.runtime.dialects.vertex import routes

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
