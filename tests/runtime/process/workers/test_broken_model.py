"""A model that a request has broken is replaced with the process whose thread it runs in."""

import textwrap

import httpx
import pytest

from modelbundle.bundler.building.service.service_source import read_service
from modelbundle.runtime.models.canary import FAILURES

from ...conftest import wait_until, write_bundle, write_model
from ..unstable_service import processes


class Breakable:
    """Adds up rows, until one of -5 has broken it."""

    is_broken = False

    def predict(self, rows):
        if self.is_broken:
            raise ValueError("it fails")
        self.is_broken = bool((rows[:, 0] == -5).any())
        return rows.sum(axis=1)


SOURCE = """
import modelbundle as mb
import numpy as np


@mb.service
class Adder:
    def __init__(self):
        self.net = mb.model("sums")

    @mb.api
    async def predict(self, rows: np.ndarray) -> np.ndarray:
        return await self.net.predict(rows)
"""


def ask(server, row):
    return httpx.post(
        server.url + "/predict", json={"instances": [row]}, timeout=60, trust_env=False
    ).status_code


def break_it(status):
    """Have a model broken; `status` asks it about one row."""
    assert status([1, 2]) == 200
    assert status([-5, 2]) == 200
    assert [status([1, 2]) for _ in range(FAILURES)] == [500] * FAILURES


@pytest.mark.parametrize("http", ["fast", "asgi"])
def test_a_front_in_one_of_whose_threads_a_model_is_broken_is_replaced(make_bundle, servers, http):
    bundle = make_bundle(Breakable())
    server = servers.start(bundle, "--isolation=thread", "--workers=1", "--http", http)
    break_it(lambda row: server.post([row]).status_code)
    wait_until(lambda: "starting another" in server.log())
    wait_until(lambda: server.post([[1, 2]]).status_code == 200)
    assert "fails on rows that it has answered before" in server.log()
    assert server.stop() == 0


def test_a_service_one_of_whose_models_is_broken_is_replaced(tmp_path, servers):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "adder.py").write_text(textwrap.dedent(SOURCE))
    write_model(tmp_path / "models" / "sums", Breakable())
    routes = read_service(tmp_path / "src", "adder:Adder").routes
    server = servers.start(write_bundle(tmp_path, service="adder:Adder", routes=routes))
    front, service = processes(server)
    break_it(lambda row: ask(server, row))
    wait_until(lambda: "starting another" in server.log())
    assert ask(server, [1, 2]) == 200
    assert processes(server)[0] == front
    assert service not in processes(server)
    assert "fails on rows that it has answered before" in server.log()
    assert server.stop() == 0
