"""Schemathesis: servers hold to what their OpenAPI documents promise."""

import pytest

from modelbundle.bundler.building.service.service_source import read_service

from ...conftest import write_bundle
from .environments import SCHEMATHESIS

HTTP = ["native", "v2", "v1", "torchserve", "seldon", "sagemaker", "vertex"]
# A schema cannot say that a tensor has as many values as its shape makes, columns as many rows as
# others, and the lists of an array as many values as each other.
OPEN = "/infer$|/api/v1.0/predictions$|people:predict$|free"
SOURCE = """
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import modelbundle as mb
import numpy as np

@dataclass
class Person:
    name: str
    age: int = 0
    tags: list[str] | None = None

@mb.service
class Desk:
    @mb.api(batchable=True)
    def score(self, rows: Annotated[np.ndarray, mb.Array("float32", (None, 2))]) -> np.ndarray:
        return rows.sum(axis=1)

    @mb.api
    def person(self, person: Person, level: Literal["a", "b"] = "a") -> dict[str, Any]:
        return {"name": person.name, "age": person.age, "level": level}

    @mb.api
    def greet(self, name: str, polite: bool = False) -> str:
        return ("Good day, " if polite else "Hi, ") + name

    @mb.api
    def words(self, text: str) -> Iterator[str]:
        yield from text.split()

    @mb.api
    def size(self, data: bytes) -> int:
        return len(data)

    @mb.api(batchable=True)
    def sizes(self, rows: list[bytes]) -> list[int]:
        return [len(row) for row in rows]

    @mb.api
    def points(self, at: Annotated[np.ndarray, mb.Array("int32", (None, 2))], by: int = 1) -> int:
        return len(at)

    @mb.api
    def free(self, array: np.ndarray) -> int:
        return int(array.size)
"""


@pytest.mark.timeout(240)  # thousands of requests, on a machine that may be busy
@pytest.mark.parametrize("isolation", ["thread"], indirect=True)
@pytest.mark.parametrize(
    ("dialects", "phases"),
    [(HTTP, "examples,coverage,fuzzing"), (HTTP[1:], "examples,fuzzing")],
    ids=["all", "foreign"],
)
def test_schemathesis_finds_nothing(judge, make_kinds_server, dialects, phases):
    """What a document allows is answered, what it forbids refused, each as it announces.

    Without the native dialect there is another document of the same operations, tried shortly.
    """
    asked = judge(SCHEMATHESIS)
    running = make_kinds_server(dialects=dialects, models=("sums", "shout"))
    (part,) = asked.ask("openapi_held.py", running.url, OPEN, phases, timeout=210)
    assert part["count"] > 20
    assert "/runtime/dialects/" not in running.log()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("isolation", ["thread"], indirect=True)
def test_schemathesis_finds_nothing_in_tables(judge, make_kinds_server):
    """Models whose inputs have names, in each dialect that asks for them by name."""
    asked = judge(SCHEMATHESIS)
    running = make_kinds_server(dialects=["native", "v2", "v1"], models=("people",))
    phases = "examples,coverage,fuzzing"
    (part,) = asked.ask("openapi_held.py", running.url, OPEN, phases, timeout=210)
    assert part["count"] > 10
    assert "/runtime/dialects/" not in running.log()


@pytest.mark.timeout(240)
def test_schemathesis_finds_nothing_in_a_service(judge, servers, tmp_path):
    """Parameters of each kind: arrays, bytes, records, texts; answers in one piece and in items."""
    asked = judge(SCHEMATHESIS)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "desk.py").write_text(SOURCE)
    routes = read_service(tmp_path / "src", "desk:Desk").routes
    dialects = ["native", "v1", "torchserve"]  # each asks for all of them
    serve = {"isolation": "thread", "workers": 1, "dialects": dialects}
    write_bundle(tmp_path, models=(), service="desk:Desk", routes=routes, serve=serve)
    running = servers.start(tmp_path)
    phases = "examples,coverage,fuzzing"
    (part,) = asked.ask("openapi_held.py", running.url, OPEN, phases, timeout=210)
    assert part["count"] > 30
    assert "/runtime/dialects/" not in running.log()
