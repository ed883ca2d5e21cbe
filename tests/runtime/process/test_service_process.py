"""A service in a process of its own: who dies of what, and what its clients hear."""

import json
import os
import signal
import textwrap
import time
from itertools import count
from pathlib import Path

import httpx
import pytest

from modelbundle.bundler.building.service_source import read_service

from ..conftest import Sums, write_bundle, write_model
from .test_serving import holds_listener, readiness
from .test_supervisor import alive, children, metric, wait_until

SOURCE = '''
import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import modelbundle as mb
import numpy as np

NOTES = Path(__file__).with_name("notes")


def note(word):
    with NOTES.open("a") as file:
        file.write(word + "\\n")


def end(how):
    if how == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif how == "exit":
        os._exit(7)
    elif how == "abort":
        os.abort()


@mb.service
class Unstable:
    def __init__(self):
        self.net = mb.model("sums")
        note("begun")

    @mb.api(batchable=True)
    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.net(rows)

    @mb.api
    def sync(self, how: str, n: int = 0) -> int:
        time.sleep(0.002)
        end(how)
        return n

    @mb.api
    async def later(self, how: str, n: int = 0) -> int:
        await asyncio.sleep(0.002)
        end(how)
        return n

    @mb.api(idempotent=True)
    async def again(self, how: str, n: int = 0) -> int:
        note(f"again {n}")
        await asyncio.sleep(0.05)
        end(how)
        return n

    @mb.api
    async def block(self, seconds: float) -> int:
        time.sleep(seconds)
        return 1

    @mb.api
    def occupy(self, seconds: float) -> int:
        time.sleep(seconds)
        return 1

    @mb.api
    async def wait(self, seconds: float) -> int:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            note("canceled")
            raise
        return 2

    @mb.api
    async def count(self, n: int, die: int = -1) -> AsyncIterator[int]:
        try:
            for i in range(n):
                if i == die:
                    os._exit(3)
                yield i
                await asyncio.sleep(0)
        finally:
            note(f"counted {i}")

    @mb.api
    def echo(self, data: bytes) -> bytes:
        return data[::-1]

    @mb.api
    async def pid(self) -> int:
        print("a word of its own")
        return os.getpid()

    async def aclose(self):
        note("closed")
'''


@pytest.fixture
def unstable(tmp_path):
    """A bundle with a service; `unstable(timeout=1)` with settings."""

    def make(source=SOURCE, **serve):
        (tmp_path / "src").mkdir(parents=True)
        (tmp_path / "src" / "unstable.py").write_text(textwrap.dedent(source))
        write_model(tmp_path / "models" / "sums", Sums(), sample=([1.0, 2.0],))
        routes = read_service(tmp_path / "src", "unstable:Unstable").routes
        return write_bundle(tmp_path, service="unstable:Unstable", routes=routes, serve=serve)

    return make


@pytest.fixture
def lone(unstable, servers):
    return servers.start(unstable())


def notes(server):
    """What the service has written down, line by line."""
    return (server.bundle / "src" / "notes").read_text().splitlines()


def processes(server):
    """The front and its service process."""
    found = children(server.process.pid)
    assert len(found) == 2
    return sorted(found, key=lambda pid: not holds_listener(pid, server))


def ask(server, path, timeout=30, **body):
    return httpx.post(server.url + path, json=body, timeout=timeout, trust_env=False)


def test_the_author_s_code_is_in_a_process_without_connections(lone):
    front, service = processes(lone)
    assert not holds_listener(service, lone)
    assert ask(lone, "/pid").json() == service
    assert "a word of its own" in lone.log()
    assert lone.post([[1, 2], [3, 4]]).json() == {"predictions": [3.0, 7.0]}
    assert metric(lone, 'bundle_batches_total{queue="/predict",reason="idle"}') >= 1
    assert metric(lone, 'bundle_requests_total{route="/predict",status="200"}') == 1
    assert metric(lone, 'bundle_topology{kind="service"}') == 1
    assert "unstable.py" not in Path(f"/proc/{front}/maps").read_text()


@pytest.mark.parametrize("how", ["segfault", "exit", "abort"])
@pytest.mark.parametrize("path", ["/sync", "/later"])
def test_a_service_that_dies_costs_the_call_that_it_died_of_and_no_connection(lone, path, how):
    front, service = processes(lone)
    with lone.client() as client:
        assert client.post(path, json={"how": "", "n": 4}).json() == 4
        died = client.post(path, json={"how": how})
        assert died.status_code == 503
        assert died.headers["retry-after"] == "1"
        assert died.json() == {"error": "The service stopped while it worked on this request."}
        assert client.post(path, json={"how": "", "n": 5}).json() == 5
    assert front in children(lone.process.pid)
    assert not alive(service)
    reason = {"segfault": "SIGSEGV", "exit": "exit code 7", "abort": "SIGABRT"}[how]
    assert reason in lone.log()
    assert f'The service died with 1 requests: {died.headers["x-request-id"]}.' in lone.log()
    assert metric(lone, "bundle_service_restarts_total") == 1
