"""A service in a directory of its own, served on the running loop without HTTP."""

import asyncio
import json
import textwrap
import time
from contextlib import asynccontextmanager

import numpy as np

from modelbundle.runtime.batching.observer import NullObserver
from modelbundle.runtime.batching.policy.window import Limits
from modelbundle.runtime.manifests.settings import ServeSettings
from modelbundle.runtime.models.operation import Call
from modelbundle.runtime.services.model_handle import Models
from modelbundle.runtime.services.service_class import ServiceClass
from modelbundle.runtime.services.service_host import ServiceHost

HEADER = """
import asyncio, threading, time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated

import modelbundle as mb
import numpy as np

"""


class Doubler:
    """A runner that doubles, and remembers which way it was asked."""

    methods = ("predict", "negate")

    def __init__(self):
        self.queued, self.straight = [], []

    def _answer(self, batch, method):
        return -np.asarray(batch) if method == "negate" else np.asarray(batch) * 2

    async def __call__(self, batch, method=None):
        self.queued.append(len(batch))
        await asyncio.sleep(0)
        return self._answer(batch, method)

    def direct(self, batch, method=None):
        self.straight.append(len(batch))
        return self._answer(batch, method)


class Served:
    """Posts to the operations of a started host."""

    def __init__(self, host, seconds):
        self.host = host
        self.seconds = seconds

    async def call(self, path, body=b"", content_type="application/json", accept="", headers=None):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        deadline = time.monotonic() + self.seconds
        call = Call(body, content_type, accept, deadline, headers=headers)
        return await self.host.operations[path](call)

    async def json(self, path, body, **more):
        return json.loads((await self.call(path, body, **more)).body)

    async def parts(self, path, body, **more):
        stream = await self.call(path, body, **more)
        return stream.content_type, [part async for part in stream.parts]


def write(directory, source, name="service.py"):
    path = directory / name
    path.write_text(HEADER + textwrap.dedent(source))
    return path


@asynccontextmanager
async def served(directory, source="", *, name="Sample", models=None, seconds=10.0, **settings):
    """The service in `source`, started; stopped afterwards."""
    module = f"service_{abs(hash(directory))}"  # of its own: two may be up in one process
    if source:
        write(directory, source, f"{module}.py")
    target = f"{module}:{name}"
    routes = ServiceClass.load(target, directory).routes
    host = ServiceHost(
        target,
        directory,
        routes,
        ServeSettings(**settings),
        lambda _: (Limits(), NullObserver()),
    )
    try:
        await host.start(
            Models(models if models is not None else {"net": Doubler()}, asyncio.get_running_loop())
        )
        yield Served(host, seconds)
    finally:
        await host.stop()


def run(coroutine):
    """What it returns, from an event loop of its own."""
    return asyncio.run(coroutine)
