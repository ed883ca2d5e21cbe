"""SageMaker's runtime API, in the forms in which boto3 sends and reads it."""

import json
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.building.service.service_source import read_service
from modelbundle.runtime.dialects.sagemaker.runtime_api import frame

from ...conftest import Servers, write_bundle

PATH = "/endpoints/mine/invocations"
STREAM = f"{PATH}-response-stream"
SOURCE = '''
from collections.abc import AsyncIterator

import modelbundle as mb


@mb.service
class Words:
    """Counts, and fails in the end if it is to."""

    @mb.api
    async def count(self, most: int, fails: bool = False) -> AsyncIterator[str]:
        for n in range(most):
            yield f"{n} "
        if fails:
            raise ValueError("no more")

    @mb.api
    async def add(self, rows: list[float]) -> float:
        return sum(rows)
'''


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Speaks HTTP to a server of an author's class."""
    directory = tmp_path_factory.mktemp("words")
    (directory / "src").mkdir()
    (directory / "src" / "words.py").write_text(SOURCE)
    routes = read_service(directory / "src", "words:Words").routes
    serve = {"workers": 1, "dialects": ["sagemaker"]}
    made = write_bundle(directory, models=(), service="words:Words", routes=routes, serve=serve)
    servers = Servers(directory)
    with servers.start(made).client() as client:
        yield client
    servers.stop()


def messages(data):
    """What stands in an event stream: headers and payload of each message, which are sound."""
    while data:
        size, head, sum_ = struct.unpack_from(">III", data)
        assert sum_ == zlib.crc32(data[:8])
        message, data = data[:size], data[size:]
        assert struct.unpack(">I", message[-4:])[0] == zlib.crc32(message[:-4])
        yield dict(headers(message[12 : 12 + head])), message[12 + head : -4]


def headers(data):
    """Names and values, all of them strings."""
    while data:
        end = 1 + data[0]
        kind, size = struct.unpack_from(">BH", data, end)
        assert kind == 7
        yield data[1:end].decode(), data[end + 3 : end + 3 + size].decode()
        data = data[end + 3 + size :]


def test_an_endpoint_is_this_server(client):
    """Whatever its name; what a container answers, with the variant that a client reads."""
    target = {"x-amzn-sagemaker-target-model": "add", "x-amzn-sagemaker-custom-attributes": "a=1"}
    told = client.post(PATH, json={"rows": [1, 2]}, headers=target)
    assert (told.status_code, told.json()) == (200, 3.0)
    assert told.headers["x-amzn-invoked-production-variant"] == "AllTraffic"
    assert told.headers["x-amzn-sagemaker-custom-attributes"] == "a=1"


def test_an_error_is_the_models(client):
    """With the status and the words of the container in it."""
    target = {"x-amzn-sagemaker-target-model": "add"}
    told = client.post(PATH, content=b"{", headers=target | {"content-type": "application/json"})
    assert (told.status_code, told.headers["x-amzn-errortype"]) == (424, "ModelError")
    said = told.json()
    assert said["OriginalStatusCode"] == 400
    assert said["OriginalMessage"] in said["Message"]
    assert said["ErrorCode"] == "CLIENT_ERROR_FROM_MODEL"
    told = client.post(STREAM, json={"most": "x"})
    assert (told.status_code, told.json()["OriginalStatusCode"]) == (424, 400)


def test_parts_are_events(client):
    """The type of what they are parts of stands beside."""
    told = client.post(STREAM, json={"most": 3}, headers={"x-amzn-sagemaker-accept": "text/plain"})
    assert told.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert told.headers["x-amzn-sagemaker-content-type"].startswith("text/plain")
    found = list(messages(told.content))
    assert b"".join(part for _, part in found) == b"0 1 2 "
    assert {(each[":message-type"], each[":event-type"]) for each, _ in found} == {
        ("event", "PayloadPart")
    }
    whole = client.post(
        STREAM, json={"rows": [1, 2]}, headers={"x-amzn-sagemaker-target-model": "add"}
    )
    assert [part for _, part in messages(whole.content)] == [b"3.0"]


def test_a_stream_needs_no_accept(client):
    """On the container's own route neither; what it says by itself is JSON lines."""
    told = client.post("/invocations", json={"most": 2}, headers={"accept": "*/*"})
    assert (told.status_code, told.text) == (200, '"0 "\n"1 "\n')
    found = messages(client.post(STREAM, json={"most": 2}).content)
    assert b"".join(part for _, part in found) == told.content


def test_an_error_in_the_middle_is_the_last_event(client):
    """And the stream ends well."""
    told = client.post(
        STREAM,
        json={"most": 2, "fails": True},
        headers={"x-amzn-sagemaker-accept": "text/plain"},
    )
    *parts, (head, payload) = messages(told.content)
    assert b"".join(part for _, part in parts) == b"0 1 "
    assert (head[":message-type"], head[":exception-type"]) == ("exception", "ModelStreamError")
    assert json.loads(payload)["ErrorCode"] == "StreamBroken"
    assert "no more" not in told.text


def test_what_is_not_there(client):
    """In the dialect's own words."""
    assert client.post("/endpoints/mine/async-invocations").status_code == 404
    assert client.get(PATH).status_code == 405


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50)), st.binary(max_size=100))
def test_a_message_is_read_as_it_was_written(told, payload):
    assert list(messages(frame(told, payload))) == [(told, payload)]
