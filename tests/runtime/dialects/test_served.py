"""How a model is, as each dialect tells whoever asks for it alone."""

import asyncio

import httpx
import pytest

from modelbundle.runtime.http.app import create_app
from modelbundle.runtime.manifests.settings import DIALECTS
from modelbundle.runtime.plan import Plan

from ..conftest import make_sums, write_bundle

HTTP = tuple(each for each in DIALECTS if each not in {"grpc", "vertex"})


@pytest.fixture
def drained(tmp_path):
    """What a server says before it is told to end, and then: `drained(("GET", path))`."""

    def ask(*questions, lazy=()):
        make_sums(tmp_path)
        serve = {"isolation": "thread", "dialects": list(HTTP)}
        plan = Plan.read(write_bundle(tmp_path, serve=serve, lazy=lazy))

        async def answers():
            application = create_app(plan)
            async with (
                application._life(),
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(application), base_url="http://x"
                ) as client,
            ):

                async def said():
                    return [await client.request(m, path, **more) for m, path, more in questions]

                before = await said()
                application.readiness.drain()
                return before, await said()

        return asyncio.run(answers())

    return ask


READY = (
    "/v1/models/sums",
    "/v1/models/sums/versions/1",
    "/v2/models/sums/ready",
    "/v2/health/ready",
    "/api/v1.0/health/status",
    "/readyz",
)


@pytest.mark.parametrize("lazy", [(), ("sums",)], ids=["loaded", "lazy"])
def test_no_model_of_a_server_that_drains_is_ready(drained, lazy):
    """As Triton has it: a balancer that asks for one model must see it before it is cut off."""
    before, after = drained(*(("GET", path, {}) for path in READY), lazy=lazy)
    assert {answer.status_code for answer in before} == {200}
    assert [answer.status_code for answer in after] == [503] * len(READY)
    one, _, model, *_ = [answer.json() for answer in after]
    assert (one["ready"], model["ready"]) == (False, False)
    assert model["error"] == one["error"] == "Model `sums` is not ready: draining."
    state = one["model_version_status"][0]["state"]
    assert state == ("END" if lazy else "UNLOADING")


def test_a_server_that_drains_lists_no_model_as_ready_and_answers_for_all_that(drained):
    """Whoever has not heard yet gets predictions, as long as there is somebody to give them."""
    row = [{"name": "input", "shape": [1, 2], "datatype": "FP64", "data": [1.0, 2.0]}]
    asked = (
        ("POST", "/v2/repository/index", {}),
        ("POST", "/v2/models/sums/infer", {"json": {"inputs": row}}),
    )
    before, after = drained(*asked)
    assert [each["state"] for each in before[0].json()] == ["READY"]
    told = after[0].json()
    assert [(each["state"], each["reason"]) for each in told] == [("UNAVAILABLE", "draining")]
    assert after[1].json()["outputs"][0]["data"] == [3.0]
