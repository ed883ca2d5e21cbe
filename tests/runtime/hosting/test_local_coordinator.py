"""Models that come and go in a process that serves alone, below somebody else's ASGI server."""

import asyncio

import httpx
import pytest

from modelbundle.runtime.http.app import create_app
from modelbundle.runtime.plan import Plan

from ..conftest import Sums
from ..process.supervising.two_models import make


def run(bundle, scenario):
    """Run `scenario(ask)` while an application serves `bundle`."""

    async def main():
        app = create_app(Plan.read(bundle))
        async with app._life():
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                await scenario(client)

    asyncio.run(main())


@pytest.fixture
def bundle(tmp_path):
    return make(tmp_path, {"a": Sums(), "b": Sums()}, ("b",), model_control="explicit")


async def status(client, alias):
    answer = await client.post(f"/{alias}/predict", json={"instances": [[1, 2]]})
    return answer.status_code


async def change(client, alias, what):
    return (await client.post(f"/v2/repository/models/{alias}/{what}")).status_code


def test_a_model_comes_and_goes(bundle):
    async def scenario(client):
        assert await change(client, "a", "unload") == 200
        assert await status(client, "a") == 503
        assert await change(client, "a", "load") == 200
        assert await change(client, "a", "load") == 200, "and anew"
        assert await status(client, "a") == 200

    run(bundle, scenario)


def test_what_is_asked_at_once_is_done_in_turn(bundle):
    async def scenario(client):
        told = await asyncio.gather(
            change(client, "a", "unload"), change(client, "a", "load"), change(client, "a", "load")
        )
        assert told == [200, 200, 200]
        assert await status(client, "a") == 200

    run(bundle, scenario)


def test_a_lazy_model_is_loaded_by_its_first_requests(bundle):
    async def scenario(client):
        told = await asyncio.gather(*(status(client, "b") for _ in range(5)))
        assert told == [200] * 5

    run(bundle, scenario)


def test_what_cannot_be_loaded_is_said(bundle):
    async def scenario(client):
        (bundle / "models" / "b" / "model.pkl").write_bytes(b"nonsense")
        assert await change(client, "b", "load") == 500
        assert await status(client, "b") == 503
        assert await status(client, "a") == 200

    run(bundle, scenario)


@pytest.mark.parametrize(
    "said",
    [
        {"sec-fetch-site": "cross-site", "origin": "https://elsewhere.example"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://elsewhere.example"},
        {"origin": "http://x:81"},
        {"origin": "null"},
    ],
)
def test_pages_of_strangers_change_nothing(tmp_path, said):
    dialects = ("native", "v2", "sagemaker")
    bundle = make(tmp_path, {"a": Sums()}, (), model_control="explicit", dialects=dialects)
    own = {"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1", "host": "127.0.0.1"}

    async def scenario(client):
        unload = "/v2/repository/models/a/unload"
        assert (await client.post(unload, headers=said)).status_code == 400
        assert (await client.delete("/models/a", headers=said)).status_code in {400, 403}
        assert await status(client, "a") == 200
        assert (await client.post(unload, headers=own)).status_code == 200
        load = "/v2/repository/models/a/load"
        body = {"model_name": "a", "url": "/x"}
        assert (await client.post(load, headers=said)).status_code == 400
        answer = await client.post("/models", headers=said, json=body)
        assert answer.status_code in {400, 403}
        assert await status(client, "a") == 503

    run(bundle, scenario)
