"""Seldon Core's v1 protocol, on a real server."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.dialects.seldon import message
from modelbundle.runtime.errors import InvalidInput

from ..conftest import Servers
from .zoo import make_zoo, zoo_server

PREDICT = "/api/v1.0/predictions"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of a model of each layout."""
    with zoo_server(tmp_path_factory, "seldon") as running:
        yield running


def of(model):
    """The path of a model behind the ingress."""
    return f"/seldon/team/{model}{PREDICT}"


def test_lists_are_answered_by_lists(client):
    """With an id, and what was asked."""
    told = client.post(PREDICT, json={"data": {"ndarray": [[1, 2], [3, 4]]}}).json()
    assert told["data"] == {"names": [], "ndarray": [3.0, 7.0]}
    assert len(told["meta"]["puid"]) == 32
    assert list(told["meta"]["requestPath"]) == ["sums"]


def test_a_tensor_is_answered_by_a_tensor(client):
    """Flat, with its shape."""
    tensor = {"shape": [2, 2], "values": [1, 2, 3, 4]}
    body = {"data": {"names": ["a", "b"], "tensor": tensor}}
    told = client.post(of("sums"), json=body).json()
    assert told["data"] == {"names": [], "tensor": {"shape": [2], "values": [3.0, 7.0]}}


def test_a_large_message_is_read_beside_the_loop(client):
    """As a small one is."""
    values = [float(n) for n in range(8000)]
    body = {"data": {"tensor": {"shape": [4000, 2], "values": values}}}
    told = client.post(of("sums"), json=body).json()["data"]["tensor"]
    assert (told["shape"], told["values"][:2]) == ([4000], [1.0, 5.0])
    body["data"]["tensor"] = {"shape": [5000, 2], "values": [0.0] * 10_000}
    assert client.post(of("sums"), json=body).status_code == 413


def test_names_bring_columns_into_the_models_order(client):
    """And the answer's columns have theirs."""
    body = {"data": {"names": ["city", "age"], "ndarray": [["Oslo", 3]]}}
    assert client.post(of("people"), json=body).json()["data"]["ndarray"] == ["Oslo 3"]
    positional = {"data": {"ndarray": [[3, "Oslo"]]}}
    assert client.post(of("people"), json=positional).json()["data"]["ndarray"] == ["Oslo 3"]
    pair = {"data": {"ndarray": [[[1, 2], 3]]}}
    told = client.post(of("pair"), json=pair).json()["data"]
    assert told == {"names": ["total", "note_bytes"], "ndarray": [[6.0, "n3"]]}
    body["data"]["ndarray"] = [["Oslo"]]
    assert client.post(of("people"), json=body).status_code == 400


def test_text_bytes_and_json(client):
    """Each as it came, where the answer is of the same kind."""
    assert client.post(of("shout"), json={"strData": "a"}).json()["strData"] == "A"
    data = base64.b64encode(b"12345").decode()
    told = client.post(of("weigh"), json={"binData": data}).json()
    assert told["data"] == {"names": [], "tensor": {"shape": [1], "values": [5.0]}}
    for text in (data, "hé"):  # as it stands, also where it could be base64
        told = client.post(of("weigh"), json={"strData": text}).json()
        assert told["data"]["tensor"]["values"] == [len(text.encode())]
    told = client.post(of("things"), json={"jsonData": {"a": 1}}).json()
    assert told["jsonData"] == {"got": {"a": 1}}
    told = client.post(of("sums"), json={"jsonData": {"instances": [[1, 2]]}}).json()
    assert told["jsonData"] == {"predictions": [3.0]}
    assert client.post(of("sums"), json={"jsonData": [[1, 2]]}).json()["jsonData"] == [3.0]
    assert client.post(of("sums"), json={"jsonData": [1, 2]}).json()["jsonData"] == 3.0


def test_forms(client):
    """`json=`, in a body or in the query, and parts of a multipart body."""
    text = json.dumps({"data": {"ndarray": [[1, 2]]}})
    assert client.post(PREDICT, data={"json": text}).json()["data"]["ndarray"] == [3.0]
    assert client.post(PREDICT, params={"json": text}).json()["data"]["ndarray"] == [3.0]
    file = {"binData": ("a.bin", b"123")}
    assert client.post(of("weigh"), files=file).json()["data"]["tensor"]["values"] == [3.0]
    parts = {"strData": (None, "abc"), "meta": (None, '{"puid": "7"}')}
    told = client.post(of("shout"), files=parts).json()
    assert (told["strData"], told["meta"]["puid"]) == ("ABC", "7")
    twice = [("strData", (None, "a")), ("strData", (None, "b"))]
    assert "more than once" in client.post(of("shout"), files=twice).json()["status"]["info"]
    told = client.post(PREDICT, data={"json": [text, text]})
    assert (told.status_code, "more than once" in told.text) == (400, True)


def test_meta_comes_back(client):
    """An id of the client's own, tags and routing; nothing else."""
    meta = {"puid": "abc", "tags": {"a": 1}, "routing": {"r": 0}, "other": 1}
    told = client.post(PREDICT, json={"meta": meta, "data": {"ndarray": [[1, 2]]}}).json()["meta"]
    assert (told["puid"], told["tags"], told["routing"]) == ("abc", {"a": 1}, {"r": 0})
    assert "other" not in told


def test_feedback_is_counted_and_written_down(client, server):
    """In the metrics, and as a line of the log."""
    body = {
        "response": {"meta": {"puid": "p1"}},
        "reward": 0.5,
        "truth": {"data": {"ndarray": [1]}},
    }
    told = client.post("/seldon/team/people/api/v1.0/feedback", json=body)
    assert told.json() == {"meta": {"puid": "p1"}}
    assert client.post("/api/v1.0/feedback", json={"reward": "much"}).status_code == 400
    assert client.post("/api/v1.0/feedback", content=b"[]").status_code == 400
    text = client.get("/metrics").text
    assert 'bundle_feedback_reward_sum{model="people"} 0.5' in text
    assert 'bundle_feedback_reward_count{model="people"} 1.0' in text
    lines = [json.loads(line) for line in server.log().splitlines()]
    (noted,) = [line["feedback"] for line in lines if "feedback" in line]
    assert (noted["puid"], noted["reward"], noted["model"]) == ("p1", 0.5, "people")
    assert noted["truth"] == {"data": {"ndarray": [1]}}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (PREDICT, b"{", 400),
        (PREDICT, b"", 400),
        (PREDICT, b"[]", 400),
        (PREDICT, b'{"data": {}}', 400),
        (PREDICT, b'{"data": {"ndarray": [[1, 2]]}, "strData": "a"}', 400),
        (PREDICT, b'{"data": {"tensor": {"shape": [3], "values": [1]}}}', 400),
        (PREDICT, b'{"data": {"tensor": {"shape": [0, 9999999999999999999], "values": []}}}', 400),
        (PREDICT, b'{"data": {"ndarray": [[-1, 0]]}}', 500),
        ("/api/v1.0/nothing", b"", 404),
        (of("nothing"), b"{}", 404),
    ],
)
def test_errors_are_a_status(client, path, body, status):
    """Whose fault it is stands in `reason`."""
    answer = client.post(path, content=body)
    told = answer.json()["status"]
    assert (answer.status_code, told["status"], told["code"]) == (status, 1, -1)
    side = "INTERNAL_ERROR" if status >= 500 else "BAD_DATA"
    assert told["reason"] == f"MICROSERVICE_{side}"
    assert "passwd" not in told["info"]


def test_health_and_metadata(client):
    """What its clients and its operator look at."""
    assert client.get("/api/v1.0/health/status").status_code == 200
    assert client.get("/health/ping").text == "pong"
    told = client.get("/api/v1.0/metadata").json()["models"]["people"]
    assert [field["name"] for field in told["inputs"]] == ["age", "city"]
    assert client.get("/api/v1.0/metadata/people").json() == told
    assert "/api/v1.0/predictions" in client.get("/api/v1.0/doc.json").json()["paths"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["b64", "age", "shape", "values", "puid"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
DATA = st.dictionaries(st.sampled_from(["ndarray", "tensor", "names"]), VALUES, max_size=3)
MESSAGES = VALUES | st.dictionaries(
    st.sampled_from(["data", "jsonData", "strData", "binData", "meta", "reward", "truth"]),
    VALUES | DATA,
    max_size=3,
)
MODELS = st.sampled_from(["sums", "people", "pair", "shout", "weigh", "things", "scores"])


@given(MESSAGES, MODELS, st.sampled_from(["predictions", "feedback"]))
def test_no_message_makes_the_server_fail(client, message, model, verb):
    """It is the client's mistake, and said to be."""
    answer = client.post(f"/seldon/n/{model}/api/v1.0/{verb}", content=json.dumps(message))
    assert answer.status_code in {200, 400}, answer.text


@given(st.binary(max_size=30), st.sampled_from(["", "multipart/form-data; boundary=b"]))
def test_no_bytes_make_the_server_fail(client, body, kind):
    """Bytes that are no message."""
    answer = client.post(PREDICT, content=body, headers={"content-type": kind})
    assert answer.status_code == 400, answer.text


def test_a_tensor_without_values_is_no_billion_of_lists():
    """A model of any JSON takes it as lists, and each takes memory."""
    with pytest.raises(InvalidInput, match="not of the shape"):
        message._tensor({"shape": [1 << 40, 0], "values": []})


def test_an_orchestrator_finds_a_component(tmp_path):
    """Where the bundle's own routes are off, `/predict` is that of a component of a graph."""
    started = Servers(tmp_path)
    serve = {"workers": 1, "isolation": "thread", "dialects": ["seldon"]}
    try:
        with started.start(make_zoo(tmp_path / "zoo", **serve)).client() as client:
            told = client.post("/predict", json={"data": {"ndarray": [[1, 2]]}})
            assert told.json()["data"]["ndarray"] == [3.0]
            form = {"json": '{"data": {"ndarray": [[1, 2]]}}'}
            assert client.post("/predict", data=form).json()["data"]["ndarray"] == [3.0]
            assert client.post("/predict", json={"instances": [[1, 2]]}).status_code == 400
            reward = {"reward": 1, "request": {}, "response": {}}
            assert client.post("/send-feedback", json=reward).status_code == 200
            assert client.get("/health/status").json()["status"]["code"] == 200
            assert client.get("/metadata").json()["name"] == "sums"
    finally:
        started.stop()
