"""Seldon's services, in the forms of its published client."""

import json
import time

import numpy as np
import orjson
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.grpc.messages.pool import pool
from modelbundle.runtime.grpc.tensors import extent, struct, tensor_proto

from ..conftest import Client, grpc

PREDICT = "/seldon.protos.Seldon/Predict"


@pytest.fixture
def client(zoo):
    with zoo.channel() as channel:
        yield Client(channel)


def message(kind="SeldonMessage", **fields):
    return pool()[f"seldon.protos.{kind}"](**fields)


def json_message(value, **meta):
    """A message of any JSON."""
    said = message(meta=meta)
    struct.write(said.jsonData, value)
    return said


def listed(rows, *names):
    """A message of rows as lists."""
    said = message(data={"names": names})
    said.data.ndarray.SetInParent()
    struct.write_list(said.data.ndarray, rows)
    return said


def ask(client, model, asked, path=PREDICT):
    """The answer of the deployment that is called so."""
    return client.call(path, asked, metadata=[("seldon", model), ("namespace", "team")])


@pytest.mark.parametrize("path", [PREDICT, "/seldon.protos.Model/Predict"])
def test_the_answer_has_the_representation_of_the_request(client, path):
    tensor = message(data={"tensor": {"shape": [2, 2], "values": [1, 2, 3, 4]}})
    told = client.call(path, tensor).data
    assert (list(told.tensor.shape), list(told.tensor.values)) == ([2], [3.0, 7.0])
    told = client.call(path, listed([[1, 2], [3, 4]])).data
    assert struct.read_list(told.ndarray) == [3.0, 7.0]
    wide = ask(client, "scores.predict_proba", tensor, path).data
    assert (list(wide.names), list(wide.tensor.shape)) == (["t:0", "t:1"], [2, 2])
    said = message()
    tensor_proto.write(said.data.tftensor, tensor_proto.Tensor(
        "x", "FP32", (1, 2), np.array([[1, 2]], np.float32)))  # fmt: skip
    told = client.call(path, said).data
    assert tensor_proto.read("y", told.tftensor).data.tolist() == [3.0]


@pytest.mark.parametrize(
    ("model", "asked", "answer"),
    [
        ("shout", message(strData="blå"), ("strData", "BLÅ")),
        ("weigh", message(binData=b"\xff\x00123"), ("data", [5.0])),
        ("things", json_message({"a": [1, None, 2.5]}), ("jsonData", {"got": {"a": [1, None, 2.5]}})),
        ("sums", json_message([[1, 2]]), ("jsonData", [3.0])),
        ("sums", json_message([1, 2]), ("jsonData", 3.0)),
        ("people", listed([["Oslo", 3]], "city", "age"), ("data", ["Oslo 3"])),
        ("people", listed([[3, "Oslo"]]), ("data", ["Oslo 3"])),
        ("pair", listed([[[1, 2], 3]]), ("data", [[6.0, "n3"]])),
    ],
)  # fmt: skip
def test_text_bytes_and_json(client, model, asked, answer):
    told = ask(client, model, asked)
    kind, value = answer
    assert told.WhichOneof("data_oneof") == kind
    if kind == "jsonData":
        found = struct.read(told.jsonData)
    elif kind == "data":
        is_rows = told.data.HasField("ndarray")
        found = struct.read_list(told.data.ndarray) if is_rows else list(told.data.tensor.values)
    else:
        found = getattr(told, kind)
    assert found == value


def test_text_in_a_tensor_of_tensorflow(client):
    said = message()
    tensor = tensor_proto.Tensor("x", "BYTES", (2,), [b"Oslo", "blå".encode()])
    tensor_proto.write(said.data.tftensor, tensor)
    assert struct.read_list(ask(client, "shout", said).data.ndarray) == ["OSLO", "BLÅ"]
    said.data.tftensor.string_val[0] = b"\xff"
    with pytest.raises(grpc.RpcError, match="not UTF-8"):
        ask(client, "shout", said)


def test_booleans_in_a_tensor_of_tensorflow(client):
    """As any JSON, for a model that takes such."""
    said = message()
    given = np.array([[True, False], [True, True]])
    tensor_proto.write(said.data.tftensor, tensor_proto.Tensor("x", "BOOL", (2, 2), given))
    told = ask(client, "things", said)
    assert struct.read_list(told.data.ndarray) == [[[True, False]], [[True, True]]]


def test_meta_comes_back(client):
    said = listed([[1, 2]])
    said.meta.puid, said.meta.routing["r"] = "abc", 2
    struct.write(said.meta.tags["t"], {"deep": [1, "x"]})
    told = client.call(PREDICT, said).meta
    assert (told.puid, dict(told.routing)) == ("abc", {"r": 2})
    assert struct.read(told.tags["t"]) == {"deep": [1, "x"]}
    assert told.requestPath["sums"].startswith("sums:")
    assert client.call(PREDICT, listed([[1, 2]])).meta.puid


def feedbacks(server):
    """The lines of its log about feedback."""
    return [json.loads(line) for line in server.log().splitlines() if '"feedback"' in line]


def test_feedback_is_counted_and_written_down(client, zoo):
    asked = message("Feedback", reward=0.5, truth={"strData": "yes"})
    asked.response.meta.puid = "p-1"
    for service in ("Seldon", "Model", "Router", "Generic"):
        told = client.call(f"/seldon.protos.{service}/SendFeedback", asked)
        assert told.meta.puid == "p-1"
    while len(lines := feedbacks(zoo)) < 4:  # the log is written beside
        assert zoo.process.poll() is None
        time.sleep(0.01)
    assert [each["feedback"]["truth"] for each in lines] == [{"strData": "yes"}] * 4
    assert lines[0]["feedback"]["reward"] == 0.5
    with zoo.client() as http:
        assert 'bundle_feedback_reward_sum{model="sums"' in http.get("/metrics").text


def test_metadata(client):
    asked = message("SeldonModelMetadataRequest", name="people")
    told = client.call("/seldon.protos.Seldon/ModelMetadata", asked)
    assert [each.name for each in told.inputs] == ["age", "city"]
    told = client.call("/seldon.protos.Seldon/GraphMetadata")
    assert {"sums", "people"} <= set(told.models)
    assert client.call("/seldon.protos.Model/Metadata").name == "sums"
    asked.name = "nobody"
    assert client.refused("/seldon.protos.Seldon/ModelMetadata", asked)[0] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        (message(), "INVALID_ARGUMENT", "Expected one of `data`"),
        (message(data={"names": ["a"]}), "INVALID_ARGUMENT", "either `ndarray` or `tensor`"),
        (message(customData={"type_url": "x"}), "INVALID_ARGUMENT", "Expected one of"),
        (message(data={"tensor": {"shape": [3, 2], "values": [1]}}), "INVALID_ARGUMENT", "shape"),
        (message(data={"tensor": {"shape": [-1], "values": [1]}}), "INVALID_ARGUMENT", "shape"),
        (message(data={"tensor": {"shape": [1 << 30, 0]}}), "INVALID_ARGUMENT", "shape"),
        (listed([[1, "x"]]), "INVALID_ARGUMENT", "expected"),
        (listed([[0, 0]] * 5000), "INVALID_ARGUMENT", "more than"),
        (message(strData="x"), "INVALID_ARGUMENT", "expected"),
        (listed([[-1, 2]]), "INTERNAL", "The model failed on this input."),
        (b"\xff\xff", "INVALID_ARGUMENT", "not what this call takes"),
    ],
)
def test_errors_have_codes_and_words(client, asked, code, words):
    found = client.refused(PREDICT, asked)
    assert found[0] == code
    assert words in found[1]


def test_a_deployment_of_another_name_is_the_first_model(client):
    """An ingress sends its own name for it."""
    told = ask(client, "my-deployment", listed([[1, 2]]))
    assert struct.read_list(told.data.ndarray) == [3.0]


def test_an_authors_class(words):
    """Takes any JSON as its body, and says why not where it cannot."""
    told = words.call(PREDICT, json_message({"a": 2}, puid="7"))
    assert (struct.read(told.jsonData), told.meta.puid) == ({"sum": 3}, "7")
    assert words.refused(PREDICT, listed([[1, 2]]))[0] == "UNIMPLEMENTED"
    asked = json_message({"text": "a", "times": 2})
    refused = words.refused(PREDICT, asked, metadata=[("seldon", "say")])
    assert refused[0] == "UNIMPLEMENTED"
    assert "streams its answer" in refused[1]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=9)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=5), each, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_json_is_read_as_it_was_written(value):
    """Numbers by their value: a message has but one kind."""
    said = message().jsonData
    struct.write(said, orjson.loads(orjson.dumps(value)))
    again = message().jsonData.__class__.FromString(said.SerializeToString())
    assert struct.read(again) == value


@pytest.mark.parametrize(
    "fields",
    [
        {"data": {"ndarray": {"values": [{}] * 600_000}}},
        {"jsonData": {"list_value": {"values": [{}] * 600_000}}},
    ],
)
def test_few_bytes_do_not_become_much_memory(client, fields):
    found = client.refused(PREDICT, message(**fields))
    assert found[0] == "INVALID_ARGUMENT"
    assert "send a tensor" in found[1]
    feedback = message("Feedback", truth=fields)
    assert client.refused("/seldon.protos.Seldon/SendFeedback", feedback) == found
    data = b"\x0b\x0c" + message(**fields).SerializeToString()  # a group, which nobody sends
    assert client.refused(PREDICT, data) == found


def test_what_is_no_list_may_have_any_bytes(client):
    """A newline in a text or in a number is none of a list's."""
    text = ask(client, "shout", message(strData="a\n" * 600_000))
    assert text.strData == "A\n" * 600_000
    numbers = message(data={"tensor": {"shape": [4000, 200], "values": [3.25] * 800_000}})
    assert "expected shape" in client.refused(PREDICT, numbers)[1]


@given(st.binary(max_size=60))
def test_no_bytes_make_it_fail(data):
    """And none of them that parse have more values than it says."""
    most = extent.count(data, {2: {2: None}, 3: {3: None}, 6: None}, 0, len(data))
    try:
        said = message().FromString(data)
    except DecodeError:
        return
    assert len(said.data.ndarray.values) + len(said.jsonData.list_value.values) <= most
