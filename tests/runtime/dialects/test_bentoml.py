"""BentoML's HTTP API, in the forms in which its client asks."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.building.service.service_source import read_service

from ..conftest import Servers, make_sums, write_bundle

SOURCE = '''
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import modelbundle as mb
import numpy as np


@dataclass
class Person:
    name: str
    age: int = 1


@mb.service
class Desk:
    """What people used to ask another server."""

    @mb.api(batchable=True)
    def classify(self, samples: np.ndarray) -> np.ndarray:
        return np.asarray(samples).sum(axis=1)

    @mb.api
    def greet(self, name: str, polite: bool = False) -> str:
        return ("Good day, " if polite else "Hi, ") + name

    @mb.api
    def older(self, person: Person) -> Person:
        return Person(person.name, person.age + 1)

    @mb.api
    def words(self, text: str) -> Iterator[str]:
        yield from text.split()

    @mb.api
    def size(self, files: list[bytes], times: int = 1) -> int:
        return sum(map(len, files)) * times

    @mb.api(batchable=True)
    def sizes(self, files: list[bytes]) -> list[int]:
        return [len(file) for file in files]

    @mb.api
    def shift(self, at: Annotated[np.ndarray, mb.Array("float32", (None, 2))], by: float) -> float:
        return float(at.sum()) + by

    @mb.api
    def longest(self, tokens: list[list[int]]) -> int:
        return max(map(len, tokens))

    @mb.api
    def scale(self, x: np.ndarray, by: float) -> np.ndarray:
        return x * by

    @mb.api
    def meet(self, at: tuple[int, str], note: bytes = b"") -> dt.datetime:
        return dt.datetime(at[0], 1, 1 + len(note))

    @mb.api(batchable=True)
    def shout(self, words: list[str]) -> list[str]:
        return [word.upper() for word in words]
'''
TENSOR = {"type": "tensor", "format": "numpy-array"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Speaks HTTP to a server of the class."""
    directory = tmp_path_factory.mktemp("desk")
    (directory / "src").mkdir()
    (directory / "src" / "desk.py").write_text(SOURCE)
    routes = read_service(directory / "src", "desk:Desk").routes
    serve = {"workers": 1, "dialects": ["native", "bentoml"]}
    write_bundle(directory, models=(), service="desk:Desk", routes=routes, serve=serve)
    servers = Servers(tmp_path_factory.mktemp("servers"))
    running = servers.start(directory)
    with running.client() as client:
        yield client
    servers.stop()
    assert "/runtime/dialects/" not in running.log()


@pytest.fixture(scope="module")
def calls(client):
    """What the schema lists, by name."""
    return {each["name"]: each for each in client.get("/schema.json").json()["routes"]}


def test_the_schema_has_the_parameters_as_the_class_names_them(calls):
    names = ["classify", "greet", "older", "words", "size", "sizes", "shift", "longest", "scale"]
    names += ["meet", "shout"]
    assert list(calls) == names
    taken = {name: each["input"]["properties"] for name, each in calls.items()}
    assert taken["classify"] == {"samples": TENSOR}
    assert taken["greet"]["name"] == {"type": "string"}
    assert calls["greet"]["input"]["required"] == ["name"]
    assert set(taken["older"]["person"]["properties"]) == {"name", "age"}
    assert taken["scale"] == {"x": TENSOR, "by": {"type": "number"}}
    given = {name: each["output"] for name, each in calls.items()}
    assert given["classify"] == given["scale"] == TENSOR
    assert given["greet"] == {"type": "string"}
    assert given["words"]["is_stream"]


@pytest.mark.parametrize(
    ("name", "body", "answer"),
    [
        ("classify", {"samples": [[1, 2], [3, 4]]}, "[3.0,7.0]"),
        ("classify", {"instances": [[1, 2]]}, "[3.0]"),
        ("greet", {"name": "Ida"}, "Hi, Ida"),
        ("greet", {"name": "Ida", "polite": True}, "Good day, Ida"),
        ("older", {"person": {"name": "Ida", "age": 3}}, '{"name":"Ida","age":4}'),
        ("older", {"name": "Ida"}, '{"name":"Ida","age":2}'),
        ("words", {"text": "a b"}, "ab"),
        ("scale", {"x": [1, 2], "by": 2}, "[2.0,4.0]"),
    ],
)
def test_parameters_by_name_and_answers_without_an_envelope(client, calls, name, body, answer):
    told = client.post(calls[name]["route"], json=body, headers={"accept": "*/*"})
    assert told.status_code == 200, told.text
    if name == "classify":
        assert json.loads(told.text) == json.loads(answer)
    else:
        assert told.text == answer


def test_what_their_client_has_no_word_for_is_json(client, calls):
    """It made texts of a tuple's numbers, and took a time for text with its quotes."""
    assert calls["meet"]["input"]["properties"]["at"] == {}
    assert "type" not in calls["meet"]["output"]
    told = client.post("/bentoml/meet", data={"at": '[2026, "x"]'})  # without the file
    assert told.json() == "2026-01-01T00:00:00"
    for wrong in ({"at": "2026"}, {"at": "x"}, {"": ""}):
        assert client.post("/bentoml/meet", data=wrong).status_code == 400
    assert client.post("/bentoml/meet", content=b'{"at": [2026, "x"]}', headers=FORM).is_success


def test_lists_of_texts_are_an_array(client, calls):
    """Their client asked for text, as it does for one."""
    assert calls["shout"]["output"] == {"type": "array"}
    told = client.post("/bentoml/shout", json={"words": ["a", "b"]}, headers={"accept": "*/*"})
    assert told.json() == ["A", "B"]


def test_files_come_in_a_form_whose_other_fields_are_json(client, calls):
    assert calls["size"]["input"]["properties"]["times"]["type"] == "integer"
    files = [("files", ("a", b"123")), ("files", ("b", b"\xff\x00"))]
    told = client.post("/bentoml/size", files=files, data={"times": "2"})
    assert told.text == "10"
    wrong = client.post("/bentoml/size", files=files, data={"times": "two"})
    assert wrong.status_code == 400


def test_one_file_for_a_list_of_them_is_a_list(client, calls):
    """It was refused for being none; pictures of a batchable API were no files at all."""
    one = [("files", ("a", b"123"))]
    assert client.post("/bentoml/size", files=one).json() == 3
    assert client.post("/bentoml/sizes", files=one).json() == [3]
    assert client.post("/bentoml/sizes", files=[*one, ("files", ("b", b""))]).json() == [3, 0]
    file = {"type": "file", "format": "binary"}
    for name in ("size", "sizes"):
        assert calls[name]["input"]["properties"]["files"]["items"] == file


def test_an_array_with_a_shape_is_an_array(calls):
    """The client said that it is no JSON."""
    assert calls["shift"]["input"]["properties"]["at"] == TENSOR
    assert calls["shift"]["input"]["properties"]["by"] == {"type": "number"}


def test_lists_of_any_length_are_no_array(calls):
    """The client could not make one of them."""
    taken = calls["longest"]["input"]["properties"]["tokens"]
    assert taken == {"type": "array", "items": TENSOR}


def test_only_the_outermost_name_is_that_of_the_rows(client):
    """And white space is looked at once."""
    wrong = client.post("/bentoml/classify", content=b'{"instances": [{"samples": 1}]}')
    assert (wrong.status_code, "instances[0]" in wrong.text) == (400, True)
    assert client.post("/bentoml/classify", content=b" " * (1 << 20)).status_code == 400
    spaced = b' \n{ "samples" \t: [[1, 2]]}'
    assert client.post("/bentoml/classify", content=spaced).json() == [3.0]


@pytest.mark.parametrize("form", ["pickle", "arrow"])
def test_bodies_in_bentomls_own_forms_are_refused(client, form):
    """With the status that BentoML's server has for pickles."""
    kind = {"content-type": f"application/vnd.bentoml+{form}"}
    answer = client.post("/bentoml/greet", content=b'{"name": "Ada"}', headers=kind)
    assert (answer.status_code, "send JSON or a form" in answer.json()["error"]) == (415, True)


def test_errors_say_what_is_wrong(client):
    assert client.post("/bentoml/nothing", json={}).status_code == 404
    assert client.get("/bentoml/greet").status_code == 405
    deep = b"[" * 400 + b"]" * 400
    form = {"content-type": "multipart/form-data; boundary=b"}
    parts = b'--b\r\ncontent-disposition: form-data; name="times"\r\n\r\n%b\r\n--b--\r\n' % deep
    assert client.post("/bentoml/size", content=parts, headers=form).status_code == 400
    assert client.post("/bentoml/older", content=b'{"person": %b}' % deep).status_code == 400
    for name, body in (("greet", b"{"), ("greet", b"{}"), ("classify", b'{"rows": [["a"]]}')):
        told = client.post(f"/bentoml/{name}", content=body)
        assert (told.status_code, bool(told.json()["error"])) == (400, True)


@given(st.binary(max_size=40), st.sampled_from(["classify", "greet", "older", "size"]),
       st.sampled_from(["application/json", "multipart/form-data; boundary=b", ""]))  # fmt: skip
def test_no_body_makes_the_server_fail(client, body, name, kind):
    told = client.post(f"/bentoml/{name}", content=body, headers={"content-type": kind})
    assert told.status_code in {200, 400, 415}, told.text


def test_saved_models_take_rows(tmp_path, servers):
    """Under their names."""
    bundle = make_sums(tmp_path, workers=1, isolation="thread", dialects=["bentoml"])
    with servers.start(bundle).client() as client:
        (call,) = client.get("/schema.json").json()["routes"]
        assert (call["name"], call["input"]["properties"]) == ("sums", {"rows": TENSOR})
        assert client.post(call["route"], json={"rows": [[1, 2]]}).json() == [3.0]
