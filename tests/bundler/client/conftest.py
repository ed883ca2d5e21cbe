"""Servers to be asked: a model, a table, texts, and an author's class, in threads and processes."""

import socket
import textwrap
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from modelbundle.bundler.building.service.service_source import read_service
from modelbundle.runtime.manifests.route import Route
from modelbundle.runtime.manifests.signature import Field, Side

from ...runtime.conftest import Servers, Sums, write_bundle, write_model

PEOPLE = Side("columns", (Field("age", "int64", (None,)), Field("city", "str", (None,))))
PAIRS = Side("tensors", (Field("a", "float32", (None, 2)), Field("b", "int64", (None,))))
LABELS = Side("array", (Field("label", "str", (None,)),))
SCORES = Side("columns", (Field("label", "str", (None,)), Field("score", "float64", (None,))))


class People:
    """Takes a table and gives one."""

    def predict(self, rows):
        import pandas as pd

        return pd.DataFrame({"label": rows["city"] + "!", "score": rows["age"] / 2})


class Pairs:
    """Takes tensors by their names."""

    def predict(self, rows):
        return {"sum": rows["a"].sum(axis=1) + rows["b"], "twice": rows["a"] * 2}


class Blobs:
    """Takes numbers and gives bytes."""

    def predict(self, rows):
        return [bytes([int(value), 0]) for value in rows[:, 0]]


class Words:
    """Takes numbers and gives texts."""

    def predict(self, rows):
        return np.array(["low" if row.sum() < 5 else "high" for row in rows], object)


SERVICE = '''
import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Optional

import modelbundle as mb
import numpy as np
import pandas as pd


@mb.service
class Shop:
    @mb.api
    def greet(self, name: str, times: int = 1, mood: Literal["kind", "curt"] = "kind") -> str:
        """Greet somebody.

        As often as they like.
        """
        return f"{mood} {name} " * times

    @mb.api
    def size(self, data: bytes) -> int:
        return len(data)

    @mb.api
    def total(self, rows: np.ndarray) -> np.ndarray:
        return rows.sum(axis=1)

    @mb.api
    def older(self, people: pd.DataFrame) -> pd.DataFrame:
        return people.assign(age=people["age"] + 1)

    @mb.api
    async def count(self, n: int) -> AsyncIterator[int]:
        for number in range(n):
            await asyncio.sleep(0)
            yield number

    @mb.api
    def fail(self, n: int) -> Iterator[int]:
        yield n
        raise ValueError("a secret")

    @mb.api
    def spell(self, word: str) -> Iterator[bytes]:
        for letter in word:
            yield letter.encode()

    @mb.api
    def add(self, a: float, b: Optional[float] = None, more: list[int] = []) -> dict:
        return {"sum": a + (b or 0) + sum(more)}

    @mb.api
    def backwards(self, data: bytes) -> bytes:
        return data[::-1]

    @mb.api
    def limited(self, most: Optional[int] = 10, share: float | None = 0.5) -> str:
        return f"{most} {share}"

    @mb.api
    def echo(self, value: Any) -> dict:
        return {"predictions": value}

    @mb.api
    def once(self, file: str) -> int:
        with Path(file).open("a") as log:
            log.write("x")
        import os

        os.abort()
'''


def write_shop(directory, **serve):
    (directory / "src").mkdir(parents=True)
    (directory / "src" / "shop.py").write_text(textwrap.dedent(SERVICE))
    routes = read_service(directory / "src", "shop:Shop").routes
    return write_bundle(directory, models=(), service="shop:Shop", routes=routes, serve=serve)


MODELS = {
    "sums": (Sums(), {}),
    "people": (People(), {"inputs": PEOPLE, "outputs": SCORES}),
    "pairs": (
        Pairs(),
        {
            "inputs": PAIRS,
            "outputs": Side(
                "tensors", (Field("sum", "float32", (None,)), Field("twice", "float32", (None, 2)))
            ),
        },
    ),
    "words": (Words(), {"outputs": LABELS}),
    "blobs": (Blobs(), {"outputs": Side("array", (Field("blob", "bytes", (None,)),))}),
}


def write_models(directory, **serve):
    """All of them, each at its name, the first one also at `/predict`."""
    for name, (model, sides) in MODELS.items():
        write_model(directory / "models" / name, model, **sides)
    routes = [Route(f"/{name}", "predict", model=name) for name in MODELS]
    routes.insert(0, Route("/predict", "predict", model="sums"))
    return write_bundle(directory, models=tuple(MODELS), routes=routes, serve=serve)


@pytest.fixture(scope="session", params=["process", "thread"])
def isolation(request):
    return request.param


@pytest.fixture(scope="session")
def asked(tmp_path_factory, isolation):
    """The URLs of two servers, "models" and "shop"; each is started once."""
    started = Servers(tmp_path_factory.mktemp("asked"))
    found = {}

    def url(name):
        if name not in found:
            directory = tmp_path_factory.mktemp(name)
            write = write_shop if name == "shop" else write_models
            found[name] = started.start(write(directory, isolation=isolation))
        return found[name].url

    yield url
    started.stop()


@contextmanager
def scripted(*answers):
    """A server that gives these answers in turn - (status, headers, body), or None for a cut."""
    left, seen = list(answers), []

    class Scripted(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append((self.path, dict(self.headers), body))
            answer = left.pop(0) if left else (200, {}, b'{"predictions": [1]}')
            if answer is None:
                self.close_connection = True
                self.connection.close()
                return
            status, headers, data = answer
            self.send_response(status)
            for name, value in ({"content-type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def handle(self):
            with suppress(OSError, ValueError):  # cut by ourselves
                super().handle()

        def log_message(self, *_):
            """Keep the tests' output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Scripted) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def trickling():
    """A server that sends its whole answer, a byte every twentieth of a second."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            line, _ = listener.accept()
            with line, suppress(OSError):
                line.recv(1 << 16)
                line.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
                for _ in range(100):
                    line.sendall(b" ")
                    time.sleep(0.05)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()
