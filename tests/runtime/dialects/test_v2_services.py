"""The Open Inference Protocol in front of an author's class: tensors where that fits, and text."""

import json
import textwrap

import numpy as np
import pytest

from modelbundle.bundler.building.service.service_source import read_service
from modelbundle.runtime.dialects.tensors.api_tensors import body_of, specs_of
from modelbundle.runtime.dialects.tensors.tensor import Tensor
from modelbundle.runtime.manifests.route import Route

from ..conftest import Servers, Sums, write_bundle, write_model

SOURCE = '''
from collections.abc import AsyncIterator

import modelbundle as mb
import numpy as np


@mb.service
class Writer:
    """Writes."""

    def __init__(self):
        self.net = mb.model("sums")

    @mb.api(batchable=True)
    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.net(rows)

    @mb.api
    def shout(self, text: str, times: int = 1) -> str:
        return text.upper() * times

    @mb.api
    def weigh(self, data: bytes, factor: float) -> dict:
        return {"weight": len(data) * factor}

    @mb.api
    async def words(self, prompt: str) -> AsyncIterator[str]:
        for word in prompt.split():
            if word == "stop":
                raise ValueError("a secret")
            yield word + " "

    @mb.api
    async def count(self, number: int, steps: list[int] | None = None) -> AsyncIterator[dict]:
        for step in range(number):
            yield {"step": step, "of": number}

    @mb.api
    async def echo(self, prompt: str) -> AsyncIterator[dict]:
        yield {"TEXT": prompt}
'''


@pytest.fixture(scope="module")
def client(tmp_path_factory, isolation):
    """Asks a server of such a class."""
    directory = tmp_path_factory.mktemp("service")
    (directory / "src").mkdir()
    (directory / "src" / "writer.py").write_text(textwrap.dedent(SOURCE))
    write_model(directory / "models" / "sums", Sums(), sample=([1.0, 2.0],))
    routes = read_service(directory / "src", "writer:Writer").routes
    serve = {"isolation": isolation, "workers": 1, "dialects": ["native", "v2"]}
    serve |= {"model_control": "explicit", "registration": "store"}
    write_bundle(directory, service="writer:Writer", routes=routes, serve=serve)
    started = Servers(tmp_path_factory.mktemp("servers"))
    running = started.start(directory)
    with running.client() as client:
        yield client
    started.stop()


def infer(client, model, *tensors):
    inputs = [
        {"name": name, "shape": list(np.shape(data)), "datatype": datatype,
         "data": data if isinstance(data, list) else data.tolist()}
        for name, datatype, data in tensors
    ]  # fmt: skip
    return client.post(f"/v2/models/{model}/infer", json={"inputs": inputs})


def test_rows_are_tensors(client):
    """The first API has the name of the bundle, too."""
    for model in ("demo", "predict"):
        answer = infer(client, model, ("any", "FP64", [[1.0, 2.0], [3.0, 4.0]]))
        assert answer.json()["outputs"] == [
            {"name": "output", "datatype": "FP64", "shape": [2], "data": [3.0, 7.0]}
        ]


def test_parameters_are_tensors_of_one_value(client):
    """By their names; bytes are bytes."""
    answer = infer(client, "shout", ("text", "BYTES", ["ab"]), ("times", "INT64", [2]))
    assert answer.json()["outputs"][0]["data"] == ["ABAB"]
    answer = infer(client, "weigh", ("data", "BYTES", ["abc"]), ("factor", "FP32", [1.5]))
    assert answer.json()["outputs"] == [
        {"name": "weight", "datatype": "FP64", "shape": [1], "data": [4.5]}
    ]
    for text in ('"ab"', '{"a": 1}', "[1]"):  # a text, whatever it looks like
        assert infer(client, "shout", ("text", "BYTES", [text])).json()["outputs"][0]["data"] == [
            text.upper()
        ]
    wrong = infer(client, "shout", ("text", "BYTES", ["ab"]), ("often", "INT64", [2]))
    assert (wrong.status_code, "unexpected tensor `often`" in wrong.json()["error"]) == (400, True)


TEXTS = {"type": "array", "items": {"type": "string"}}
MAYBE = {"anyOf": [{"type": "string"}, {"type": "null"}]}


@pytest.mark.parametrize(
    ("schema", "texts", "read"),
    [
        ({"type": "string"}, [b'"a"'], '"a"'),
        (MAYBE, [b"[1]"], "[1]"),
        (TEXTS, [b'"a"', b"{}"], ['"a"', "{}"]),
        ({"type": "object"}, [b'{"a": 1}'], {"a": 1}),
        ({"anyOf": [{"type": "string"}, {"type": "object"}]}, [b"{}"], {}),
    ],
)
def test_only_what_may_be_no_text_is_read_as_json(schema, texts, read):
    for properties in ({"p": schema}, {"p": schema, "q": {"type": "integer"}}):
        route = Route("/x", "x", input={"schema": {"properties": properties}})
        body = body_of(route, [Tensor("p", "BYTES", [len(texts)], texts)])
        assert json.loads(body.body) == {"p": read}
    rows = Route("/x", "x", input={"schema": {"properties": {"instances": {"items": schema}}}})
    body = body_of(rows, [Tensor("p", "BYTES", [1], texts[:1])])
    assert json.loads(body.body)["instances"] == [read[0] if isinstance(read, list) else read]


def test_whole_numbers_to_choose_from_are_numbers():
    schema = {"properties": {"n": {"enum": [1, 2]}, "c": {"enum": ["a", 1]}, "b": {"enum": [True]}}}
    inputs, _ = specs_of(Route("/x", "x", input={"schema": schema}))
    assert [each.datatype for each in inputs] == ["INT64", "BYTES", "BYTES"]


def test_what_streams_is_no_tensor(client):
    """And the answer says where to ask."""
    answer = infer(client, "words", ("prompt", "BYTES", ["a b"]))
    assert answer.status_code == 501
    said = answer.json()["error"]
    assert "doesn't support models with decoupled transaction policy" in said
    assert "/generate_stream" in said


def test_metadata_tells_parameters(client):
    """With their types."""
    said = client.get("/v2/models/weigh").json()
    assert said["inputs"] == [
        {"name": "data", "datatype": "BYTES", "shape": [1]},
        {"name": "factor", "datatype": "FP64", "shape": [1]},
    ]
    assert client.get("/v2/models/words/config").json()["model_transaction_policy"] == {
        "decoupled": True
    }
    index = client.post("/v2/repository/index").json()
    assert [each["name"] for each in index] == ["demo", "shout", "weigh", "words", "count", "echo"]


def test_text_is_generated_at_once(client):
    """The text by the protocol's name or the method's own; parameters beside it."""
    for document in (
        {"text_input": "ab", "times": 2},
        {"text": "ab", "times": 2, "id": "7"},
        {"text_input": "ab", "parameters": {"times": 2, "other": 1}, "stream": False},
    ):
        said = client.post("/v2/models/shout/generate", json=document).json()
        assert said["text_output"] == "ABAB"
        assert said["model_name"] == "shout"
        assert said.get("id") == document.get("id")
    said = client.post("/v2/models/words/generate", json={"text_input": "a b"}).json()
    assert said["text_output"] == "a b "


def test_lists_are_tensors_of_what_is_in_them(client):
    """Also where they may be left out."""
    assert client.get("/v2/models/count").json()["inputs"] == [
        {"name": "number", "datatype": "INT64", "shape": [1]},
        {"name": "steps", "datatype": "INT64", "shape": [-1]},
    ]


def test_outputs_have_their_names(client):
    """An only one is the text as well; of several answers one object cannot tell."""
    for prompt in ("a", ["a"]):  # a tensor of one value, written either way
        said = client.post("/v2/models/echo/generate", json={"prompt": prompt}).json()
        assert (said["TEXT"], said["text_output"]) == ("a", "a")
    answer = client.post("/v2/models/count/generate_stream", json={"number": 2})
    events = [json.loads(each[6:]) for each in answer.text.split("\n\n") if each]
    assert [(each["step"], each["of"], each["model_name"]) for each in events] == [
        (0, 2, "count"), (1, 2, "count"),
    ]  # fmt: skip
    said = client.post("/v2/models/count/generate", json={"number": 2}).json()
    assert said["text_output"] == [{"step": 0, "of": 2}, {"step": 1, "of": 2}]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"temperature": 0.5, "end": "x", "flag": True}, None),
        ({"parameters": {"temperature": 0.5}}, None),
        ({"parameters": 1}, "Expected JSON object for keyword: 'parameters'"),
        ({"parameters": {"nested": {"twice": 1}}}, "parameter 'nested' has invalid type"),
        ({"nested": [1]}, "parameter 'nested' has invalid type"),
    ],
)
def test_parameters_that_nobody_knows_are_passed_over(client, more, said):
    """Where they are simple, as with Triton: its clients send what any backend may want."""
    answer = client.post("/v2/models/echo/generate", json={"prompt": "a"} | more)
    assert answer.status_code == (400 if said else 200), answer.text
    assert (said or '"TEXT":"a"') in answer.text


def test_text_is_generated_bit_by_bit(client):
    """As events, each of them an answer."""
    answer = client.post("/v2/models/words/generate_stream", json={"text_input": "a b"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(each[6:]) for each in answer.text.split("\n\n") if each]
    assert [each["text_output"] for each in events] == ["a ", "b "]
    assert {each["model_name"] for each in events} == {"words"}


def test_an_error_after_the_first_event_is_an_event(client):
    """And one before it has a status of its own."""
    answer = client.post("/v2/models/words/generate_stream", json={"text_input": "a stop b"})
    events = [json.loads(each[6:]) for each in answer.text.split("\n\n") if each]
    assert answer.status_code == 200
    assert events[0]["text_output"] == "a "
    assert events[1] == {"error": "The model failed on this input."}
    early = client.post("/v2/models/words/generate_stream", json={"text_input": "stop"})
    assert early.status_code == 500
    assert "secret" not in early.text
    for document in ({"times": 2}, {"text_input": 3}):
        assert client.post("/v2/models/shout/generate", json=document).status_code == 400


def streamed(client, path, *texts):
    """Sends texts as MLServer's clients do, and gives the events."""
    tensor = {"name": "prompt", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}
    answer = client.post(f"/v2/models/{path}", json={"id": "7", "inputs": [tensor]})
    events = [json.loads(each[6:]) for each in answer.text.split("\n\n") if each]
    return answer, events


@pytest.mark.parametrize("path", ["infer_stream", "generate_stream"])
def test_tensors_are_answered_by_events_of_tensors(client, path):
    """As MLServer does; an error before the first event has a status of its own."""
    answer, events = streamed(client, f"words/{path}", "a b")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [each["outputs"][0]["data"] for each in events] == [["a "], ["b "]]
    assert {(each["model_name"], each["id"]) for each in events} == {("words", "7")}
    _, events = streamed(client, f"echo/{path}", "a b")
    assert events[0]["outputs"] == [
        {"name": "TEXT", "datatype": "BYTES", "shape": [1], "data": ["a b"]}
    ]
    _, events = streamed(client, f"words/{path}", "a stop b")
    assert events[1] == {"error": "The model failed on this input."}
    early = client.post(
        f"/v2/models/words/{path}",
        json={"inputs": [{"name": "prompt", "shape": [1], "datatype": "BYTES", "data": ["stop"]}]},
    )
    assert early.status_code == 500


@pytest.mark.parametrize("path", ["infer_stream", "generate_stream", "generate"])
def test_tensors_for_what_does_not_stream_are_one_answer(client, path):
    """Whole, or as the only event."""
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["ab"]}
    answer = client.post(f"/v2/models/shout/{path}", json={"inputs": [tensor]})
    said = answer.text if path == "generate" else answer.text[6:]
    assert json.loads(said)["outputs"][0]["data"] == ["AB"]


def test_a_parameter_called_inputs_is_no_tensor(client):
    """What has no shape and datatype is a value of `generate`."""
    for inputs in ([], ["a"], [{"name": "text"}], "a", {"text": "a"}):
        document = {"text_input": "ab", "inputs": inputs}
        answer = client.post("/v2/models/shout/generate", json=document)
        assert (answer.status_code, "outputs" in answer.json()) in {(200, False), (400, False)}


def test_nobody_brings_models_to_a_class(client):
    answer = client.post("/v2/repository/models/stranger/load", json={})
    assert answer.status_code == 501
    assert "a service class has the models" in answer.json()["error"]
    assert client.get("/v2/health/ready").status_code == 200


def test_openapi_promises_of_a_class_what_it_holds(client):
    """What it answers is not known before; what streams is asked elsewhere; one text may stand alone."""
    paths = client.get("/openapi.json").json()["paths"]
    assert "/v2/models/words/infer" not in paths
    operation = paths["/v2/models/weigh/infer"]["post"]
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer["properties"]["outputs"]["items"]["properties"]["data"] == {"type": "array"}
    request = paths["/v2/models/shout/infer"]["post"]["requestBody"]["content"]["application/json"]
    data = request["schema"]["properties"]["inputs"]["items"]["properties"]["data"]
    assert {"type": "string"} in data["anyOf"]
    tensor = {"name": "text", "shape": [], "datatype": "BYTES", "data": "abc"}
    said = client.post("/v2/models/shout/infer", json={"inputs": [tensor]}).json()
    assert said["outputs"][0]["data"] == ["ABC"]
