"""Whole numbers beyond 64 bits, wherever a request may have one: exact, or refused; never a 500."""

import asyncio

import httpx
import pytest

from modelbundle.bundler.building.service.service_source import read_service
from modelbundle.runtime.http.app import create_app
from modelbundle.runtime.manifests.settings import DIALECTS
from modelbundle.runtime.manifests.signature import OBJECTS
from modelbundle.runtime.plan import Plan

from ..conftest import write_bundle, write_model

LONG = 123456789012345678901234567890
SPOKEN = [each for each in DIALECTS if each not in {"grpc", "vertex"}]
SOURCE = """
from typing import Any

import modelbundle as mb

@mb.service
class Says:
    @mb.api
    def say(self, value: Any, count: int = 0) -> Any:
        return {"got": value, "count": count}
    @mb.api
    def text(self, words: str, seed: int = 0) -> str:
        return f"{words} {seed}"
    @mb.api(batchable=True)
    def rows(self, rows: list) -> list:
        return [str(row) for row in rows]
"""


class Text:
    """Any row as Python shows it."""

    def predict(self, rows):
        return [str(row) for row in rows]


def typed(body):
    is_event = isinstance(body, dict) and "specversion" in body
    return {"content-type": "application/cloudevents+json"} if is_event else {}


def answers(directory, asked, *, isolation="thread", **bundle):
    """What a server of every dialect says to `(path, body)`; a cloud event is one in its type."""

    async def said():
        serve = {"isolation": isolation, "workers": 1, "dialects": SPOKEN}
        written = write_bundle(directory, serve=serve, **bundle)
        application = create_app(Plan.read(written))
        transport = httpx.ASGITransport(application)
        async with (
            application._life(),
            httpx.AsyncClient(transport=transport, base_url="http://x") as client,
        ):
            return [await client.post(path, json=body, headers=typed(body)) for path, body in asked]

    return asyncio.run(said())


def test_an_authors_class_gets_them_exactly(tmp_path):
    """Whichever dialect it is asked in, and however its answer is wrapped."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "says.py").write_text(SOURCE)
    routes = read_service(tmp_path / "src", "says:Says").routes
    event = {"specversion": "1.0", "id": "1", "source": "x", "type": "y"}
    tensor = {"name": "value", "shape": [1], "datatype": "BYTES", "data": [f'{{"a":{LONG}}}']}
    asked = [
        ("/say", {"value": LONG, "count": LONG}),
        ("/say", {"value": [{"a": -LONG}], "count": 1}),
        ("/rows", {"instances": [LONG, {"a": LONG}]}),
        ("/v2/models/text/generate", {"text_input": "w", "seed": LONG, "id": LONG}),
        ("/v2/models/text/generate_stream", {"text_input": "w", "parameters": {"seed": LONG}}),
        ("/v2/models/demo/infer", {"inputs": [tensor]}),
        ("/v1/models/rows:predict", {"instances": [LONG]}),
        ("/v1/models/rows:predict", event | {"data": {"instances": [LONG]}}),
        ("/invocations", {"value": LONG}),
        ("/predictions/demo", {"value": LONG}),
        ("/api/v1.0/predictions", {"jsonData": {"value": LONG}}),
    ]
    for (path, _), answer in zip(
        asked, answers(tmp_path, asked, models=(), service="says:Says", routes=routes), strict=True
    ):
        assert (path, answer.status_code) == (path, 200), answer.text
        assert str(LONG) in answer.text, (path, answer.text)


@pytest.mark.parametrize("row", [LONG, {"a": [LONG]}])
def test_a_model_of_any_json_refuses_them(tmp_path, row):
    write_model(tmp_path / "models" / "sums", Text(), inputs=OBJECTS, outputs=OBJECTS)
    tensor = {"name": "rows", "shape": [1], "datatype": "BYTES", "data": [f'{{"a":{LONG}}}']}
    asked = [
        ("/predict", {"instances": [row]}),
        ("/v1/models/sums:predict", {"instances": [row]}),
        ("/v2/models/sums/infer", {"inputs": [tensor]}),
        ("/invocations", {"instances": [row]}),
        ("/predictions/sums", [row]),
        ("/api/v1.0/predictions", {"jsonData": [row]}),
    ]
    for (path, _), answer in zip(asked, answers(tmp_path, asked), strict=True):
        assert answer.status_code in {400, 422}, (path, answer.text)
        assert "up to 64 bits" in answer.text, path


def test_what_stands_beside_the_rows_is_refused_too(tmp_path):
    """Tags, parameters, rewards: they are repeated, logged, or told to another process."""
    write_model(tmp_path / "models" / "sums", Text(), inputs=OBJECTS, outputs=OBJECTS)
    tensor = {"name": "rows", "shape": [1], "datatype": "BYTES", "data": ["x"]}
    asked = [
        ("/v2/models/sums/infer", {"inputs": [tensor], "parameters": {"seed": LONG}}),
        ("/v2/models/sums/infer", {"inputs": [tensor | {"parameters": {"seed": LONG}}]}),
        ("/api/v1.0/predictions", {"jsonData": [1], "meta": {"tags": {"a": LONG}}}),
        ("/api/v1.0/feedback", {"reward": 1, "truth": LONG}),
    ]
    for (path, _), answer in zip(asked, answers(tmp_path, asked), strict=True):
        assert answer.status_code == 400, (path, answer.text)
        assert "up to 64 bits" in answer.text, path


class Long:
    """Numbers longer than 64 bits, alone and in records, for the number of each row."""

    def predict(self, rows):
        return [row * LONG for row in rows]


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_model_answers_them_exactly(tmp_path, isolation):
    """In each dialect: JSON has numbers of any length."""
    write_model(tmp_path / "models" / "sums", Long(), inputs=OBJECTS, outputs=OBJECTS)
    event = {"specversion": "1.0", "id": "1", "source": "x", "type": "y"}
    tensor = {"name": "rows", "shape": [1], "datatype": "INT64", "data": [2]}
    asked = [
        ("/predict", {"instances": [2]}),
        ("/v1/models/sums:predict", {"instances": [2]}),
        ("/v1/models/sums:predict", {"inputs": [2]}),
        ("/v1/models/sums:predict", event | {"data": {"instances": [2]}}),
        ("/v2/models/sums/infer", {"inputs": [tensor]}),
        ("/invocations", {"instances": [2]}),
        ("/invocations", [2]),
        ("/predictions/sums", [2]),
        ("/predictions/sums", 2),
        ("/api/v1.0/predictions", {"jsonData": [2]}),
        ("/api/v1.0/predictions", {"jsonData": 2}),
        ("/api/v1.0/predictions", {"data": {"ndarray": [2]}}),
        ("/bentoml/sums", {"rows": [2]}),
    ]
    said = answers(tmp_path, asked, isolation=isolation)
    for (path, body), answer in zip(asked, said, strict=True):
        assert (path, body, answer.status_code) == (path, body, 200), answer.text
        assert str(2 * LONG) in answer.text, (path, answer.text)
