"""A service class behind a real server, over HTTP."""

import dataclasses
import json
import textwrap

import httpx
import pytest

from modelbundle.bundler.building.service.service_source import read_service

from .conftest import Sums, wait_until, write_bundle, write_model

SOURCE = '''
import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import modelbundle as mb
import numpy as np
from PIL import Image


@dataclass
class Pair:
    a: float
    b: float = 1.0


@mb.service
class Adder:
    """Adds."""

    def __init__(self):
        self.net = mb.model("sums")

    @mb.api(batchable=True)
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Add up rows."""
        return self.net(rows)

    @mb.api
    async def both(self, pair: Pair) -> dict:
        first, second = await asyncio.gather(
            self.net([[pair.a, pair.b]]), self.net.predict([[pair.b, pair.b]])
        )
        return {"sum": float(first[0]), "twice": float(second[0])}

    @mb.api
    async def count(self, n: int) -> AsyncIterator[int]:
        for i in range(n):
            yield i

    @mb.api
    def width(self, image: Image.Image) -> int:
        return image.width

    def close(self):
        Path(__file__).with_name("closed").write_text("yes")
'''


def bundle(directory, source=SOURCE):
    (directory / "src").mkdir(parents=True)
    (directory / "src" / "adder.py").write_text(textwrap.dedent(source))
    write_model(directory / "models" / "sums", Sums(), sample=([1.0, 2.0],))
    routes = read_service(directory / "src", "adder:Adder").routes
    return write_bundle(directory, service="adder:Adder", routes=routes)


def test_every_kind_of_api_answers_over_http(tmp_path, servers):
    directory = bundle(tmp_path / "bundle")
    server = servers.start(directory)
    with server.client() as client:
        assert server.post([[1, 2], [3, 4]]).json() == {"predictions": [3.0, 7.0]}
        assert client.post("/both", json={"a": 2}).json() == {"sum": 3.0, "twice": 2.0}
        wrong = client.post("/both", json={"a": "x"})
        assert (wrong.status_code, wrong.json()) == (
            422,
            {"error": 'a: expected a number, got the string "x".'},
        )
        lines = client.post("/count", json={"n": 3})
        assert lines.headers["content-type"] == "application/x-ndjson"
        assert [json.loads(line) for line in lines.text.splitlines()] == [0, 1, 2]
        events = client.post("/count", json={"n": 2}, headers={"accept": "text/event-stream"})
        assert events.text == "data: 0\n\ndata: 1\n\n"
        page = client.get("/openapi.json").json()["paths"]["/both"]["post"]
        schema = page["requestBody"]["content"]["application/json"]["schema"]
        assert schema["properties"]["b"] == {"type": "number", "default": 1.0}
        broken = client.post("/width", content=b"GIF89a", headers={"content-type": "image/gif"})
        assert broken.status_code == 422
    assert server.stop() == 0
    assert (directory / "src" / "closed").read_text() == "yes"


def test_a_client_of_http_1_0_gets_no_chunks(tmp_path, servers):
    """It knows of none: the connection ends with the answer, also where it wished to go on."""
    server = servers.start(bundle(tmp_path / "bundle"))
    body = b'{"n": 3}'
    head = b"POST /count HTTP/1.0\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n"
    for more in (b"", b"Connection: keep-alive\r\n"):
        told, _, rest = server.ask(head % (more, len(body)) + body).partition(b"\r\n\r\n")
        assert rest == b"0\n1\n2\n"
        assert b"transfer-encoding" not in told
        assert b"connection: close" in told
        assert b"keep-alive" not in told
    known = b"POST /both HTTP/1.0\r\nConnection: keep-alive\r\nHost: x\r\nContent-Length: 8\r\n\r\n"
    answer = server.ask((known + b'{"a": 2}') * 2 + head % (b"", len(body)) + body)
    assert answer.count(b'{"sum":3.0,"twice":2.0}') == 2, "what has a length goes on as before"
    assert answer.endswith(b"\r\n\r\n0\n1\n2\n")


def test_a_service_that_cannot_start_ends_the_server_with_one_line(tmp_path, servers):
    source = SOURCE.replace('mb.model("sums")', "1 / 0")
    server = servers.start(bundle(tmp_path / "bundle", source), wait=False)
    assert server.process.wait(90) == 1
    assert "`Adder` cannot start: ZeroDivisionError: division by zero." in server.log()


def test_a_poison_row_of_a_service_fails_alone_and_says_nothing(tmp_path, servers):
    server = servers.start(bundle(tmp_path / "bundle"))
    answer = server.post([[-1, 0]])
    assert answer.status_code == 500
    assert "secret" not in answer.text
    wait_until(lambda: "secret" in server.log())  # it comes by another way than the answer
    assert server.post([[1, 2]]).json() == {"predictions": [3.0]}


@pytest.mark.parametrize("kind", ["text/plain", "application/xml"])
def test_a_content_type_that_no_api_takes_is_a_415_that_lists_those(tmp_path, servers, kind):
    server = servers.start(bundle(tmp_path / "bundle"))
    answer = httpx.post(
        server.url + "/both",
        content=b"a=1",
        headers={"content-type": kind},
        timeout=90,
        trust_env=False,
        verify=False,
    )
    assert answer.status_code == 415
    assert "`application/json`" in answer.json()["error"]


WORDS = """
import modelbundle as mb

@mb.service
class Words:
    def __init__(self):
        self.words = mb.model("words").object

    @mb.api
    def look_up(self, word: str) -> int:
        return self.words[word]

    @mb.api
    def called(self) -> list:
        return mb.model("words")([1])
"""


def test_a_service_uses_an_object_that_has_nothing_to_call(tmp_path, servers):
    directory = tmp_path / "bundle"
    (directory / "src").mkdir(parents=True)
    (directory / "src" / "words.py").write_text(WORDS)
    manifest = write_model(directory / "models" / "words", {"a": 7})
    without = dataclasses.replace(manifest, methods={})
    (directory / "models" / "words" / "model.json").write_bytes(without.encode())
    routes = read_service(directory / "src", "words:Words").routes
    write_bundle(directory, models=("words",), service="words:Words", routes=routes)
    with servers.start(directory).client() as client:
        assert client.post("/look_up", json={"word": "a"}).json() == 7
        assert client.post("/called", json={}).status_code == 500
        assert client.get("/metrics").status_code == 200
        assert client.get("/openapi.json").status_code == 200
