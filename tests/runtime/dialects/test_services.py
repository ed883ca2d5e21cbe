"""An author's class, asked as clients of other servers ask models."""

import json

import pytest

from modelbundle.bundler.building.service.service_source import read_service

from ..conftest import Servers, write_bundle
from .test_work import LINES, WATCH

SOURCE = """
from collections.abc import Iterator

import modelbundle as mb
import numpy as np


@mb.service
class Desk:
    @mb.api(batchable=True)
    def score(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(rows).sum(axis=1)

    @mb.api
    def greet(self, name: str, polite: bool = False) -> str:
        if name == "trouble":
            raise ValueError("a secret path: /etc/passwd")
        return ("Good day, " if polite else "Hi, ") + name

    @mb.api
    def explain(self, rows: np.ndarray) -> list[str]:
        return ["because" for _ in rows]

    @mb.api
    def words(self, text: str) -> Iterator[str]:
        yield from text.split()
"""
DIALECTS = ["v2", "v1", "torchserve", "seldon", "sagemaker", "vertex"]
ROWS = {"instances": [[1, 2], [3, 4]]}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Speaks HTTP to a server of the class."""
    directory = tmp_path_factory.mktemp("desk")
    (directory / "src").mkdir()
    (directory / "src" / "desk.py").write_text(SOURCE)
    routes = read_service(directory / "src", "desk:Desk").routes
    serve = {"workers": 1, "dialects": DIALECTS, "max_rows": 1 << 15}
    write_bundle(directory, models=(), service="desk:Desk", routes=routes, serve=serve)
    started = Servers(tmp_path_factory.mktemp("servers"))
    (started.directory / "sitecustomize.py").write_text(WATCH)
    watched = started.directory / "watched"
    env = {"PYTHONPATH": str(started.directory), "WATCHED": str(watched)}
    running = started.start(directory, env=env)
    with running.client() as client:
        client.watched = watched
        yield client
    started.stop()
    assert "/runtime/dialects/" not in running.log()


def test_apis_are_models_of_v1(client):
    """The first has the bundle's name, all have their own; an answer gets the protocol's key."""
    assert client.post("/v1/models/demo:predict", json=ROWS).json() == {"predictions": [3.0, 7.0]}
    told = client.post("/v1/models/greet:predict", json={"name": "Ida", "polite": True}).json()
    assert told == {"predictions": "Good day, Ida"}
    assert client.get("/v1/models/greet").json()["ready"] is True
    assert client.get("/v1/models/greet/metadata").status_code == 200
    assert client.post("/v1/models/greet:classify", json={"examples": []}).status_code in {400, 501}


MUCH = [[1, 2]] * (1 << 15)
SUMS = [3.0] * (1 << 15)
FLAT = {"shape": [1 << 15, 2], "values": [1, 2] * (1 << 15)}


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/v1/models/demo:predict", {"instances": MUCH}, {"predictions": SUMS}),
        ("/v1/models/demo:explain", {"instances": MUCH}, {"explanations": ["because"] * (1 << 15)}),
        ("/predictions/demo", MUCH, SUMS),
        ("/invocations", MUCH, SUMS),
        ("/api/v1.0/predictions", {"data": {"ndarray": MUCH}}, SUMS),
        ("/api/v1.0/predictions", {"data": {"tensor": FLAT}}, SUMS),
        ("/api/v1.0/predictions", {"jsonData": {"instances": MUCH}}, {"predictions": SUMS}),
        (
            "/v2/models/demo/infer",
            {
                "inputs": [
                    {"name": "x", "datatype": "FP64", "shape": [1 << 15, 2], "data": FLAT["values"]}
                ]
            },
            SUMS,
        ),
    ],
)
def test_much_is_handed_over_beside_the_loop(client, path, body, said):
    """In the server, and in the process of the class."""
    client.watched.write_text("")
    told = client.post(path, json=body).json()
    assert "loop" not in client.watched.read_text()
    if path.startswith("/api"):
        told = (
            told.get("jsonData") or told["data"].get("ndarray") or told["data"]["tensor"]["values"]
        )
    elif path.startswith("/v2"):
        told = told["outputs"][0]["data"]
    assert told == said


def test_many_lines_are_handed_over_beside_the_loop(client):
    client.watched.write_text("")
    told = client.post("/invocations", content=b"[1, 2]\n" * (1 << 15), headers=LINES)
    assert told.json() == SUMS
    assert "loop" not in client.watched.read_text()


def test_its_api_explain_explains(client):
    """All that the class answers."""
    told = client.post("/v1/models/demo:explain", json=ROWS).json()
    assert told == {"explanations": ["because", "because"]}
    assert client.post("/explanations/demo", json=ROWS["instances"]).json() == ["because"] * 2


def test_bodies_go_to_torchserve_and_sagemaker_as_they_are(client):
    """And answers come back so; streams, too."""
    assert client.post("/predictions/demo", json=ROWS).json() == {"predictions": [3.0, 7.0]}
    for name in ("1", '"Ida"', "null"):  # a text, whatever it looks like
        told = client.post("/predictions/greet", data={"name": name, "polite": "true"})
        assert told.text == f"Good day, {name}"
    assert client.post("/predictions/greet", json={"name": "Ida"}).text == "Hi, Ida"
    told = client.post("/predictions/words", json={"text": "a b"})
    assert (told.text, told.headers["content-type"]) == ("ab", "text/plain; charset=utf-8")
    lines = {"accept": "application/x-ndjson"}
    told = client.post("/predictions/words", json={"text": "a b"}, headers=lines)
    assert told.text.split() == ['"a"', '"b"']
    headers = {"content-type": "text/plain"}
    assert client.post("/predictions/words", content=b"a b", headers=headers).status_code == 200
    assert client.post("/invocations", json=ROWS).json() == {"predictions": [3.0, 7.0]}
    assert client.post("/models/greet/invoke", json={"name": "Ida"}).json() == "Hi, Ida"


def test_rows_without_an_envelope_get_one(client):
    """Where the class takes rows."""
    rows = ROWS["instances"]
    assert client.post("/predictions/demo", json=rows).json() == [3.0, 7.0]
    assert client.post("/invocations", json=rows).json() == [3.0, 7.0]
    lines = {"content-type": "application/jsonlines", "accept": "application/jsonlines"}
    told = client.post("/invocations", content=b"[1, 2]\n[3, 4]", headers=lines)
    assert told.content == b"3.0\n7.0\n"
    told = client.post("/models/greet/invoke", content=b"[1, 2]", headers=lines)
    assert told.status_code == 501
    path = "/api/v1.0/predictions"
    assert client.post(path, json={"data": {"ndarray": rows}}).json()["data"]["ndarray"] == [3, 7]
    tensor = {"shape": [2, 2], "values": [1, 2, 3, 4]}
    told = client.post(path, json={"data": {"tensor": tensor}}).json()["data"]["tensor"]
    assert told == {"shape": [2], "values": [3.0, 7.0]}
    wrong = client.post("/seldon/n/greet/api/v1.0/predictions", json={"data": {"ndarray": rows}})
    assert wrong.status_code == 501


def test_json_data_goes_to_it_from_seldon(client):
    """Other representations have no meaning for it."""
    told = client.post("/seldon/n/greet/api/v1.0/predictions", json={"jsonData": {"name": "Ida"}})
    assert told.json()["jsonData"] == "Hi, Ida"
    told = client.post("/seldon/n/words/api/v1.0/predictions", json={"jsonData": {"text": "a b"}})
    assert (told.status_code, told.text) == (200, '"a"\n"b"\n')
    text = client.post("/seldon/n/greet/api/v1.0/predictions", json={"strData": "Ida"})
    assert text.status_code == 501


def test_vertex_hands_it_the_whole_body(client):
    """Parameters are a matter of its own."""
    assert client.post("/predict", json=ROWS).json() == {"predictions": [3.0, 7.0]}


@pytest.mark.parametrize("path", ["/v1/models/greet:predict", "/predictions/greet"])
def test_errors_are_those_of_the_dialect(client, path):
    """Nothing of the inside is told."""
    wrong = client.post(path, json={"nam": "Ida"})
    assert wrong.status_code == 400
    failed = client.post(path, json={"name": "trouble"})
    assert failed.status_code == 500
    assert "passwd" not in failed.text
    assert json.loads(failed.content)["error"]


def test_openapi_says_what_comes_in_items(client):
    """An answer in items was promised as JSON."""
    paths = client.get("/openapi.json").json()["paths"]
    for path in ("/v1/models/words:predict", "/predictions/words"):
        content = paths[path]["post"]["responses"]["200"]["content"]
        assert {"application/json", "application/x-ndjson", "text/plain"} <= content.keys()
    content = paths["/v1/models/greet:predict"]["post"]["responses"]["200"]["content"]
    assert list(content) == ["application/json"]
