"""The calls of Seldon's orchestrator to transformers, routers and combiners, on a real server."""

import json

import pytest

from modelbundle.bundler.building.service.service_source import read_service

from ..conftest import Servers, write_bundle
from .zoo import make_zoo

SOURCE = """
import modelbundle as mb
import numpy as np


@mb.service
class Parts:
    @mb.api
    def transform_input(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(rows) * 2

    @mb.api
    def transform_output(self, text: str) -> str:
        return text.upper()

    @mb.api
    def route(self, rows: np.ndarray) -> float:
        return float(rows[0][0])

    @mb.api
    def aggregate(self, answers: list) -> list:
        return np.mean(answers, axis=0).tolist()
"""
DATA = {"data": {"names": ["a", "b"], "ndarray": [[1, 2]]}}


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Starts servers, and gives clients of them."""
    started = Servers(tmp_path_factory.mktemp("servers"))
    clients = []

    def client(directory):
        clients.append(started.start(directory).client())
        return clients[-1].__enter__()

    yield client
    for each in clients:
        each.__exit__(None, None, None)
    started.stop()


@pytest.fixture(scope="module")
def parts(tmp_path_factory, start):
    """Asks a service class that is each of them."""
    directory = tmp_path_factory.mktemp("parts")
    (directory / "src").mkdir()
    (directory / "src" / "parts.py").write_text(SOURCE)
    routes = read_service(directory / "src", "parts:Parts").routes
    serve = {"workers": 1, "dialects": ["seldon"]}
    write_bundle(directory, models=(), service="parts:Parts", routes=routes, serve=serve)
    return start(directory)


@pytest.fixture(scope="module")
def model(tmp_path_factory, start):
    """Asks a model, which is none of them."""
    serve = {"workers": 1, "isolation": "thread", "dialects": ["seldon"]}
    return start(make_zoo(tmp_path_factory.mktemp("zoo"), **serve))


def test_a_transformer_is_an_api_of_that_name(parts):
    """It answers in the representation of the message."""
    told = parts.post("/transform-input", json=DATA | {"meta": {"puid": "7"}}).json()
    assert told["data"]["ndarray"] == [[2, 4]]
    assert told["meta"]["puid"] == "7"
    tensor = {"data": {"tensor": {"shape": [1, 2], "values": [1, 2]}}}
    told = parts.post("/transform-input", json=tensor).json()
    assert told["data"]["tensor"] == {"shape": [1, 2], "values": [2.0, 4.0]}
    assert parts.post("/transform-output", json={"strData": "a"}).json()["strData"] == "A"


def test_a_message_may_stand_in_the_query(parts, model):
    """As in the tests of Seldon's own wrapper; without one it is 400."""
    told = parts.get("/transform-input", params={"json": json.dumps(DATA)})
    assert told.json()["data"]["ndarray"] == [[2, 4]]
    assert parts.get("/transform-input").status_code == 400
    told = model.get("/predict", params={"json": json.dumps(DATA)})
    assert told.json()["data"]["ndarray"] == [3.0]


def test_a_router_answers_with_one_whole_number(parts):
    """Anything else is the author's mistake."""
    told = parts.post("/route", json=DATA).json()
    assert told["data"] == {"names": ["t:0"], "ndarray": [[1]]}
    wrong = parts.post("/route", json={"data": {"ndarray": [[1.5, 2]]}})
    assert wrong.status_code == 500
    assert wrong.json()["status"]["reason"] == "MICROSERVICE_INTERNAL_ERROR"


@pytest.mark.parametrize("is_list", [True, False])
def test_a_combiner_makes_one_message_of_several(parts, is_list):
    """In the representation of the first, with the tags of all."""
    first = DATA | {"meta": {"puid": "7", "tags": {"a": 1, "b": 1}}}
    second = {"data": {"ndarray": [[3, 4]]}, "meta": {"tags": {"b": 2}}}
    asked = [first, second] if is_list else {"seldonMessages": [first, second]}
    told = parts.post("/aggregate", json=asked).json()
    assert told["data"]["ndarray"] == [[2.0, 3.0]]
    assert told["meta"]["tags"] == {"a": 1, "b": 2}
    assert told["meta"]["puid"] == "7"


@pytest.mark.parametrize("body", [{}, [], {"seldonMessages": []}, {"seldonMessages": [1]}])
def test_what_cannot_be_combined_is_bad_data(parts, body):
    answer = parts.post("/aggregate", json=body)
    assert (answer.status_code, answer.json()["status"]["code"]) == (400, -1)


def test_a_model_transforms_nothing(model):
    """A message comes back as it is."""
    for path in ("/transform-input", "/transform-output"):
        for body in (DATA, {"strData": "a"}, {"jsonData": {"a": [1]}}, {"binData": "YQ=="}):
            told = model.post(path, json=body).json()
            assert {key: told[key] for key in body} == body
            assert len(told["meta"]["puid"]) == 32
    assert model.post("/transform-input", json={}).status_code == 400
    deep = b'{"jsonData": ' + b"[" * 600 + b"]" * 600 + b"}"
    for body in (deep, b'{"jsonData": %d}' % 2**80, b'{"data": {"ndarray": [%d]}}' % 2**80):
        assert model.post("/transform-input", content=body).status_code in {200, 400}


@pytest.mark.parametrize("path", ["/route", "/aggregate"])
def test_a_model_neither_routes_nor_combines(model, path):
    answer = model.post(path, json=DATA)
    assert answer.status_code == 400
    assert "not defined" in answer.json()["status"]["info"]
