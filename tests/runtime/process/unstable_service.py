"""A service that does whatever a request asks for, and a look at its processes."""

import textwrap

import httpx

from modelbundle.bundler.building.service.service_source import read_service

from ..conftest import Sums, wait_until, write_bundle, write_model
from .watched import children, holds_listener, readiness

SOURCE = """
import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import modelbundle as mb
import numpy as np
from modelbundle.runtime.errors import InvalidInput

NOTES = Path(__file__).with_name("notes")


RAISED = {kind.__name__: kind for kind in (SystemExit, KeyboardInterrupt, StopIteration)}


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
    elif how in RAISED:
        raise RAISED[how]
    elif how == "lose the GPU":
        raise RuntimeError("CUDA error: device-side assert triggered")


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
        note("blocked")
        time.sleep(seconds)
        return 1

    @mb.api
    def occupy(self, seconds: float) -> int:
        time.sleep(seconds)
        return 1

    @mb.api
    async def wait(self, seconds: float) -> int:
        note("waits")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            note("canceled")
            raise
        return 2

    @mb.api
    async def count(self, n: int, die: int = -1, hold: int = -1) -> AsyncIterator[int]:
        try:
            for i in range(n):
                if i == die:
                    os._exit(3)
                while i == hold and not Path(os.environ["GATE"]).exists():
                    await asyncio.sleep(0.01)
                yield i
                await asyncio.sleep(0)
        finally:
            note(f"counted {i}")

    @mb.api
    def tell(self, n: int) -> Iterator[str]:
        for i in range(n):
            yield f"{i} "
        raise InvalidInput("no more")

    @mb.api
    def echo(self, data: bytes) -> bytes:
        return data[::-1]

    @mb.api
    def who(self, headers: mb.Headers) -> list[str]:
        return [headers["X-User"], repr(headers)]

    @mb.api
    async def pid(self) -> int:
        print("a word of its own")
        return os.getpid()

    @mb.api
    def pooled(self, n: int) -> list[int]:
        import multiprocessing

        with multiprocessing.get_context("fork").Pool(2) as pool:
            return pool.map(abs, range(n))

    async def aclose(self):
        note("closed")
"""


HANGS = "time.sleep(60 * (rows[0, 0] < 0))\n        return self.net(rows)"


def make_unstable(directory, source=SOURCE, **serve):
    """A bundle with the service of `source`."""
    (directory / "src").mkdir(parents=True)
    (directory / "src" / "unstable.py").write_text(textwrap.dedent(source))
    write_model(directory / "models" / "sums", Sums(), sample=([1.0, 2.0],))
    routes = read_service(directory / "src", "unstable:Unstable").routes
    return write_bundle(directory, service="unstable:Unstable", routes=routes, serve=serve)


class Resumed:
    """A server that others have used: of its log and its notes only what comes now is there."""

    def __init__(self, server):
        wait_until(lambda: readiness(server)[0] == 200)
        self._server = server
        self.first_letter, self.first_note = len(server.log()), len(notes(server))

    def __getattr__(self, name):
        return getattr(self._server, name)

    def log(self):
        return self._server.log()[self.first_letter :]


def notes(server):
    """What the service has written down, line by line."""
    lines = (server.bundle / "src" / "notes").read_text().splitlines()
    return lines[getattr(server, "first_note", 0) :]


def processes(server):
    """The front and its service process."""
    found = children(server.process.pid)
    assert len(found) == 2
    return sorted(found, key=lambda pid: not holds_listener(pid, server))


def ask(server, path, timeout=30, **body):
    return httpx.post(server.url + path, json=body, timeout=timeout, trust_env=False, verify=False)
