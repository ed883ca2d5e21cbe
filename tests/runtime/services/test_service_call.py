"""Rows that a model does not take, from a method of the author's: whose fault they are."""

import asyncio

import httpx
import pytest

from modelbundle.bundler.building.service.service_source import read_service
from modelbundle.runtime.http.app import create_app
from modelbundle.runtime.manifests.signature import Field, Side
from modelbundle.runtime.plan import Plan

from ..conftest import VECTOR, write_bundle, write_model

SOURCE = """
from collections.abc import Iterator

import modelbundle as mb
import numpy as np
import pandas as pd

@mb.service
class Ages:
    def __init__(self):
        self.net = mb.model("ages")
    @mb.api
    async def ask(self, people: pd.DataFrame) -> np.ndarray:
        return await self.net(people)
    @mb.api
    def sync(self, people: pd.DataFrame) -> np.ndarray:
        return self.net(people)
    @mb.api(batchable=True)
    def many(self, people: pd.DataFrame) -> np.ndarray:
        return self.net(people)
    @mb.api
    async def two(self, people: pd.DataFrame, extra: int = 0) -> dict:
        return {"ages": await self.net(people)}
    @mb.api
    def stream(self, people: pd.DataFrame) -> Iterator[list]:
        yield self.net(people).tolist()
    @mb.api
    async def own(self, people: pd.DataFrame) -> np.ndarray:
        return await self.net(people.drop(columns="age"))
    @mb.api(batchable=True)
    def renamed(self, people: pd.DataFrame) -> np.ndarray:
        return self.net(people.rename(columns={"age": "years"}))
    @mb.api
    async def numbers(self, rows: np.ndarray) -> np.ndarray:
        return await self.net(rows)
"""


class Ages:
    def predict(self, frame):
        return frame["age"].to_numpy() + frame["income"].to_numpy()


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Ask a service whose model takes two columns: `ask((path, body), ...)`."""
    directory = tmp_path_factory.mktemp("bundle")
    (directory / "src").mkdir()
    (directory / "src" / "ages_service.py").write_text(SOURCE)
    inputs = Side("columns", tuple(Field(name, "float64", (None,)) for name in ("age", "income")))
    write_model(directory / "models" / "ages", Ages(), inputs=inputs, outputs=VECTOR)
    routes = read_service(directory / "src", "ages_service:Ages").routes
    written = write_bundle(
        directory, models=("ages",), service="ages_service:Ages", routes=routes,
        serve={"isolation": "thread"},
    )  # fmt: skip

    async def answers(asked):
        application = create_app(Plan.read(written))
        transport = httpx.ASGITransport(application)
        async with (
            application._life(),
            httpx.AsyncClient(transport=transport, base_url="http://x") as client,
        ):
            return [await client.post(path, json=body) for path, body in asked]

    return lambda *asked: asyncio.run(answers(asked))


WHOLE, LACKING = {"age": 1, "income": 2}, {"income": 2}


@pytest.mark.parametrize("path", ["/ask", "/sync", "/many"])
def test_a_client_whose_rows_lack_a_column_is_told_which(ask, path):
    """`DataFrame` admits any columns; what the model needs only the model knows."""
    good, bad, odd = ask(
        (path, {"instances": [WHOLE]}),
        (path, {"instances": [LACKING]}),
        (path, {"instances": [LACKING | {"height": 3}]}),
    )
    assert good.json() == {"predictions": [3.0]}
    assert bad.status_code == odd.status_code == 422
    assert bad.json() == {"error": "instances[0]: field `age` is missing."}
    assert odd.json()["error"] == (
        "instances[0]: unknown field `height`, and `age` is missing; expected age, income."
    )


def test_its_place_is_that_in_the_body_and_arrays_have_shapes(ask):
    two, streamed, numbers = ask(
        ("/two", {"people": [LACKING], "extra": 1}),
        ("/stream", {"instances": [LACKING]}),
        ("/numbers", {"instances": [[1, 2, 3]]}),
    )
    assert (two.status_code, two.json()["error"]) == (422, "people[0]: field `age` is missing.")
    assert (streamed.status_code, streamed.json()["error"][:9]) == (422, "instances")
    shapes = "instances: expected shape (rows, 2) for age, income, got (1, 3)."
    assert (numbers.status_code, numbers.json()["error"]) == (422, shapes)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/own", "field `age` is missing"),
        ("/renamed", "unknown field `years`, and `age` is missing"),
    ],
)
def test_rows_of_the_authors_own_making_are_the_authors_fault(ask, caplog, path, said):
    """The client is told nothing; the log says which column, of which model."""
    (answer,) = ask((path, {"instances": [WHOLE]}))
    assert (answer.status_code, "age" in answer.text) == (500, False)
    assert f"Model `ages`, method `predict`: instances[0]: {said}" in caplog.text
