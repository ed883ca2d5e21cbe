"""Large bodies and answers are read and written in another process; nobody can tell."""

import json
from pathlib import Path

import numpy as np
import pytest

from modelbundle.runtime.dialects.work import LARGE_BODY
from modelbundle.runtime.manifests.route import Route
from modelbundle.runtime.manifests.signature import Field, Side

from ..conftest import Servers, write_bundle, write_model
from .zoo import zoo_server

ALL = ("v2", "v1", "torchserve", "seldon", "sagemaker", "vertex")
JSON = {"content-type": "application/json"}
LINES = {"content-type": "application/jsonlines"}
SUMS = {"x-amzn-sagemaker-target-model": "sums"}


def tensor(data, name="input", datatype="FP64", **more):
    shape = [len(data), *([len(data[0])] if isinstance(data[0], list) else [])]
    return {"name": name, "datatype": datatype, "shape": shape, "data": data} | more


MATRIX = [[1.5, 2.0], [-4.0, 1.0]]
NAMES = [{"age": 3.5, "city": "Gda\u0144sk"}, {"age": 4, "city": ""}]
TENSORS = [tensor([1.0, 2.0], "age"), tensor(["a", "b"], "city", "BYTES")]
SELDON = "/seldon/team/{}/api/v1.0/predictions"
QUESTIONS = [
    ("/v2/models/sums/infer", {"inputs": [tensor(MATRIX[:1])], "id": "7"}),
    ("/v2/models/sums/infer", {"inputs": [tensor([[1, "2"]])]}),
    ("/v2/models/sums/infer", {"inputs": [tensor([[1.0, 2.0, 3.0]])]}),
    ("/v2/models/sums/infer", {"inputs": [tensor([[1, 2]])], "outputs": [{"name": "none"}]}),
    ("/v2/models/sums/infer", {"inputs": [tensor([[1, 2]])], "parameters": {"method": "none"}}),
    ("/v2/models/sums/infer", {"inputs": [tensor([[1, 2]])], "parameters": {"timeout": -1}}),
    (
        "/v2/models/scores/infer",
        {"inputs": [tensor(MATRIX[:1])], "parameters": {"method": "predict_proba"}},
    ),
    (
        "/v2/models/scores.predict_proba/infer",
        {
            "inputs": [tensor(MATRIX[:1])],
            "outputs": [{"name": "scores", "parameters": {"classification": 1}}],
        },
    ),
    ("/v2/models/people/infer", {"inputs": TENSORS, "parameters": {"binary_data_output": True}}),
    ("/v2/models/things/infer", {"inputs": [tensor(['{"a": [1]}', "x"], datatype="BYTES")]}),
    ("/v1/models/sums:predict", {"instances": MATRIX[:1]}),
    ("/v1/models/sums:predict", {"inputs": {"input": MATRIX[:1]}, "signature_name": "predict"}),
    ("/v1/models/sums:predict", {"instances": [[1.0]]}),
    ("/v1/models/sums:predict", {"instances": [[float("nan"), 1.0]]}),
    ("/v1/models/people:predict", {"instances": NAMES}),
    ("/v1/models/things:predict", {"instances": [{"a": [None]}, 2**63]}),
    ("/v1/models/scores:classify", {"examples": [{"input": [1.0, 3.0]}]}),
    ("/v1/models/scores:regress", {"context": {"input": [1.0, 3.0]}, "examples": [{}]}),
    ("/v1/models/scores:explain", {"instances": MATRIX[:1]}),
    ("/predictions/people", NAMES),
    ("/predictions/people", NAMES[0]),
    ("/predictions/sums", {"instances": MATRIX[:1]}),
    ("/predictions/sums", [["x", 1]]),
    ("/predictions/things", [1, [2]]),
    (SELDON.format("sums"), {"data": {"ndarray": MATRIX[:1]}, "meta": {"puid": "p"}}),
    (
        SELDON.format("sums"),
        {"data": {"tensor": {"shape": [1, 2], "values": [1, 2]}}, "meta": {"puid": "p"}},
    ),
    (
        SELDON.format("people"),
        {
            "data": {"names": ["city", "age"], "ndarray": [["b", 2.5]]},
            "meta": {"puid": "p", "tags": {"a": 1}},
        },
    ),
    (SELDON.format("things"), {"jsonData": {"a": 1}, "meta": {"puid": "p"}}),
    ("/invocations", MATRIX[:1]),
    ("/predict", {"instances": MATRIX[:1]}),
    ("/vertex", {"instances": MATRIX[:1], "parameters": {}}),
    ("/vertex", {"instances": MATRIX[:1], "parameters": {"k": 1}}),
    ("/vertex", {"inputs": [tensor(MATRIX[:1])]}),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Speaks HTTP to a server of a model of each layout, which has a process for what is large."""
    routes = {"AIP_PREDICT_ROUTE": "/vertex"}
    with zoo_server(tmp_path_factory, *ALL, env=routes) as running, running.client() as client:
        client.own = running.process.pid
        yield client


def decoders(pid):
    """How many processes there are below one of these that read and write for it."""
    found = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            line = Path(f"/proc/{child}/cmdline").read_bytes()
            found += b"decoder_process" in line
            found += decoders(child)
    return found


@pytest.mark.parametrize(("path", "body"), QUESTIONS)
def test_what_is_large_is_answered_as_what_is_small(client, path, body):
    """To the byte; blanks make it large, and mean nothing."""
    small = json.dumps(body).encode()
    large = small + b" " * LARGE_BODY
    told = [client.post(path, content=each, headers=JSON | SUMS) for each in (small, large)]
    one, other = [(each.status_code, each.headers["content-type"], each.content) for each in told]
    assert one == other
    assert decoders(client.own) == 1


def test_much_json_before_binary_data(client):
    """Tensors behind it, too; what is too long or too short is told so."""
    said = {"name": "input", "datatype": "FP64", "shape": [1, 2]}
    head = json.dumps({"inputs": [said | {"parameters": {"binary_data_size": 16}}]}).encode()
    head += b" " * LARGE_BODY
    blob = np.array([1.5, 2.0]).tobytes()
    headers = {"inference-header-content-length": str(len(head))}
    told = client.post("/v2/models/sums/infer", content=head + blob, headers=headers)
    assert told.json()["outputs"][0]["data"] == [3.5]
    for wrong, why in [(blob + b"x", "additional input data"), (blob[1:], "unexpected size")]:
        told = client.post("/v2/models/sums/infer", content=head + wrong, headers=headers)
        assert told.status_code == 400
        assert why in told.json()["error"]


def test_lines_and_forms(client):
    """A line each; a message in a form."""
    line = b"[1.5, 2.0]\n"
    told = client.post("/invocations", content=line + b" " * LARGE_BODY, headers=LINES | SUMS)
    assert told.json() == [3.5]
    form = b"json=" + json.dumps({"data": {"ndarray": [[1, 2]]}}).encode() + b"+" * LARGE_BODY
    assert client.post(SELDON.format("sums"), content=form).json()["data"]["ndarray"] == [3.0]


WATCH = """
import asyncio, orjson, os

def watched(work):
    def watch(*given, **more):
        done = work(*given, **more)
        if any(isinstance(each, bytes) and len(each) > 1 << 16 for each in (*given, done)):
            with open(os.environ["WATCHED"], "a") as file:
                print("aside" if asyncio._get_running_loop() is None else "loop", file=file)
        return done
    return watch

orjson.loads, orjson.dumps = watched(orjson.loads), watched(orjson.dumps)
"""


class Many:
    """As much as is asked for."""

    def predict(self, rows):
        import numpy as np

        first = rows[:, :1]
        return np.where(first < 0, np.nan, np.repeat(rows, 1 << 15, axis=1))


class Words:
    """Rows that are JSON, one of which has none where it is asked for."""

    def predict(self, rows):
        return [{"n": float(row[0]), "text": "x" * (1 << 18)} for row in rows]


ONE = Side("array", (Field("input", "float32", (None, 1)),))
WIDE = Side("array", (Field("output", "float32", (None, 1 << 15)),))


@pytest.fixture(scope="module", params=["process", "thread"])
def talkative(tmp_path_factory, request):
    """Speaks HTTP to a server whose models say much."""
    home = tmp_path_factory.mktemp("much")
    write_model(home / "models" / "many", Many(), inputs=ONE, outputs=WIDE)
    write_model(home / "models" / "words", Words(), inputs=ONE, outputs=Side("objects"))
    routes = [Route("/predict", "predict", model="many"), Route("/words", "predict", model="words")]
    serve = {"workers": 1, "isolation": request.param, "dialects": ["native", *ALL]}
    write_bundle(home, models=("many", "words"), routes=routes, serve=serve)
    started = Servers(tmp_path_factory.mktemp("servers"))
    (started.directory / "sitecustomize.py").write_text(WATCH)
    watched = started.directory / "watched"
    watch = {"PYTHONPATH": str(started.directory), "WATCHED": str(watched)}
    running = started.start(home, env={"AIP_PREDICT_ROUTE": "/vertex"} | watch)
    with running.client() as client:
        client.watched = watched
        client.own = running.process.pid
        client.has_process = request.param == "process"
        yield client
    started.stop()
    assert "/runtime/dialects/" not in running.log()


def v2(rows, **more):
    return {"inputs": [tensor(rows, datatype="FP32")]} | more


MUCH = [
    ("/predict", {"instances": [[0.5]]}, lambda told: told["predictions"][0]),
    ("/v2/models/many/infer", v2([[0.5]]), lambda told: told["outputs"][0]["data"]),
    ("/v1/models/many:predict", {"instances": [[0.5]]}, lambda told: told["predictions"][0]),
    ("/v1/models/many:predict", {"inputs": [[0.5]]}, lambda told: told["outputs"][0]),
    ("/predictions/many", [[0.5]], lambda told: told[0]),
    ("/predictions/many", [0.5], lambda told: told),
    (
        SELDON.format("many"),
        {"data": {"ndarray": [[0.5]]}},
        lambda told: told["data"]["ndarray"][0],
    ),
    ("/invocations", {"instances": [[0.5]]}, lambda told: told["predictions"][0]),
    ("/vertex", {"instances": [[0.5]]}, lambda told: told["predictions"][0]),
]


@pytest.mark.parametrize(("path", "body", "read"), MUCH)
def test_much_is_said_as_little_is(talkative, path, body, read):
    """All of it, and what is wrong with it."""
    told = talkative.post(path, json=body)
    assert told.status_code == 200
    assert read(told.json()) == [0.5] * (1 << 15)
    bad = talkative.post(path, json=json.loads(json.dumps(body).replace("0.5", "-1")))
    is_spelled = path.startswith(("/v1", "/vertex"))  # where NaN is a number
    assert bad.status_code == (200 if is_spelled else 500)
    assert ("NaN" in bad.text) == is_spelled
    assert decoders(talkative.own) == talkative.has_process


def test_much_in_other_bodies(talkative):
    """Binary, npy, csv, compressed."""
    wanted = np.full((1, 1 << 15), 0.5, np.float32)
    body = v2([[0.5]], parameters={"binary_data_output": True})
    told = talkative.post("/v2/models/many/infer", json=body)
    assert told.content.endswith(wanted.tobytes())
    npy = talkative.post("/predict", json={"instances": [[0.5]]}, headers={"accept": "text/csv"})
    assert npy.text.splitlines()[-1] == ",".join(["0.5"] * (1 << 15))
    packed = talkative.post(
        "/v2/models/many/infer", json=v2([[0.5]]), headers={"accept-encoding": "gzip"}
    )
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json()["outputs"][0]["data"] == [0.5] * (1 << 15)


def where(client, ask):
    """The answer to a request, and whether an event loop read or wrote much JSON for it."""
    client.watched.write_text("")
    told = ask()
    assert told.status_code == 200, told.text
    return told, set(client.watched.read_text().split())


def test_much_as_binary_data(talkative):
    """Rows of records are taken apart in another process, too; numbers are only copied."""
    body = v2([[0.5], [0.25]], parameters={"binary_data_output": True})
    told, places = where(talkative, lambda: talkative.post("/v2/models/words/infer", json=body))
    outputs = json.loads(told.content[: int(told.headers["inference-header-content-length"])])
    sizes = {each["name"]: each["parameters"] for each in outputs["outputs"]}
    assert sizes["text"] == {"binary_data_size": 2 * (4 + (1 << 18))}
    assert not talkative.has_process or places == {"aside"}


def test_much_that_is_said_to_features(talkative):
    """As to any other rows."""
    headers = {"content-type": "text/libsvm", "x-amzn-sagemaker-target-model": "many"}
    told, places = where(
        talkative, lambda: talkative.post("/invocations", content=b"0:0.5", headers=headers)
    )
    assert told.json() == {"predictions": [[0.5] * (1 << 15)]}
    assert not talkative.has_process or places == {"aside"}


def test_much_that_is_json_already(talkative):
    """Rows of records."""
    wanted = {"n": 0.5, "text": "x" * (1 << 18)}
    told = talkative.post("/words", json={"instances": [[0.5]]}).json()
    assert told == {"predictions": [wanted]}
    body = {"instances": [[0.5], [0.25]]}
    told = talkative.post("/v1/models/words:predict", json=body).json()
    assert told == {"predictions": [wanted, wanted | {"n": 0.25}]}
    names = {
        each["name"]
        for each in talkative.post("/v2/models/words/infer", json=v2([[0.5]])).json()["outputs"]
    }
    assert names == {"n", "text"}
