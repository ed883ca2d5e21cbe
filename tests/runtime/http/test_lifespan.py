"""ASGI's lifespan, as an application tells it, and what is imported to begin with."""

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest

from modelbundle.runtime.http.lifespan import live


def lived(life):
    """What a server is told by an application with `life`; and what it raises."""
    told = []

    async def send(message):
        told.append(message["type"])

    async def run():
        asked = asyncio.Queue()
        for event in ("startup", "shutdown"):
            asked.put_nowait({"type": f"lifespan.{event}"})
        await live(life(), asked.get, send)

    try:
        asyncio.run(run())
    except RuntimeError as error:
        return told, str(error)
    return told, None


@pytest.mark.parametrize(
    ("fails", "told"),
    [
        (None, ["lifespan.startup.complete", "lifespan.shutdown.complete"]),
        ("startup", ["lifespan.startup.failed"]),
        ("shutdown", ["lifespan.startup.complete", "lifespan.shutdown.failed"]),
    ],
)
def test_a_server_is_told_how_the_beginning_and_the_end_went(fails, told):
    @asynccontextmanager
    async def life():
        if fails == "startup":
            raise RuntimeError(fails)
        yield
        if fails == "shutdown":
            raise RuntimeError(fails)

    assert lived(life) == (told, fails)


@pytest.mark.parametrize(
    ("imported", "spared"),
    [
        ("modelbundle.runtime.http.app", "starlette prometheus_client pandas sklearn"),
        (
            "modelbundle.runtime.process.starting",
            "asyncio starlette uvicorn pandas email importlib.metadata",
        ),
    ],
)
def test_what_is_not_needed_to_begin_is_not_imported(imported, spared):
    code = f"import sys, {imported}; print(*(set({spared.split()!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.split() == []
