"""What each promise of the way below ASGI costs, in microseconds of Python a request.

    taskset -c 0 .venv/bin/python benchmarks/fast_way.py

Connections without sockets, a model without a thread: what is left is the server's own code, the
same in every run. In each turn of the loop every connection sends one request and gets its answer;
the least of many repeats is printed, in CPU seconds of the process. What the kernel adds for a
request (receive, send, poll) and what the model's thread or process adds are not in it.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import uvicorn
import uvloop
from uvicorn.server import ServerState

from modelbundle.runtime.batching.batcher import Batcher
from modelbundle.runtime.batching.observer import NullObserver
from modelbundle.runtime.batching.policy.window import Limits
from modelbundle.runtime.data.payload import Codec
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.hosting.readiness import Readiness
from modelbundle.runtime.http.access_log import AccessLog, NoAccessLog
from modelbundle.runtime.http.backlog import Backlog
from modelbundle.runtime.http.fast.fast_path import FastPath
from modelbundle.runtime.http.fast.fast_protocol import fast
from modelbundle.runtime.http.request.body import Budget
from modelbundle.runtime.http.shared_state import SharedState
from modelbundle.runtime.manifests.settings import ServeSettings
from modelbundle.runtime.manifests.signature import Field, Side
from modelbundle.runtime.models.presence import Presence
from modelbundle.runtime.telemetry.metrics import Metrics

SIDE = Side("array", (Field("x", "float32", (None, 4)),))
BODY = b'{"instances":[[0.1344,0.8474,0.7638,0.2551]]}'
HEAD = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\n"
QUEUE = "noop.predict"
NOWHERE = Path(os.devnull).open("wb")  # noqa: SIM115  # as long as this runs


async def no_way(scope, receive, send):  # noqa: ARG001
    """Nothing here takes the standard way."""
    raise AssertionError


class Transport:
    """Keeps what is written."""

    def __init__(self):
        self.written = []
        self.write = self.written.append

    def is_closing(self):
        return False

    def get_extra_info(self, _, default=None):
        return default

    def get_write_buffer_size(self):
        return 0

    def pause_reading(self):
        """Nothing comes by itself."""

    resume_reading = close = pause_reading


class Inline:
    """An executor that answers with what it was given, in the next turn."""

    is_ready = True

    def start(self, loop, _):
        self.loop = loop

    def submit(self, inputs, _, done):
        output = inputs[0] if len(inputs) == 1 else np.concatenate(inputs)
        self.loop.call_soon(done, output, None)

    def kill(self, why):
        """It is never late."""

    stop = kill


class Never(Inline):
    """An executor that never answers."""

    def submit(self, inputs, rows, done):
        """Be busy."""


class Operation:
    """As much of an operation as an intake wants."""

    def __init__(self, batcher, metrics):
        self.codec = Codec(SIDE)
        self.queue = self
        self.batcher, self.metrics = batcher, metrics
        self.decode = None
        self.presence = Presence("noop")
        self.presence.change("READY")

    def is_large(self, *_):
        return False


class NoMetrics:
    """Counts nothing."""

    def began(self, *_):
        """Ignore it."""

    ended_together = pending = began


class Bench:
    """Connections to one route, all of which ask in each turn."""

    def __init__(self, connections: int, *, log: bool = True, metrics: bool = True, full=False):
        self.connections = connections
        self.log = log
        self.metrics = metrics
        self.full = full
        self.number = 0

    async def start(self):
        numbers = Metrics(["/predict"], [QUEUE], ["noop"])
        queue = numbers.queue(QUEUE)
        executor = Never() if self.full else Inline()
        limits = Limits(max_queue_rows=self.connections) if self.full else Limits()
        observer = queue if self.metrics else NullObserver()
        batcher = Batcher(executor, table, limits, observer=observer)
        await batcher.start()
        readiness = Readiness()
        readiness.ready()
        counted = numbers if self.metrics else NoMetrics()
        log = AccessLog(NOWHERE) if self.log else NoAccessLog()
        budget, backlog = Budget(1 << 28), Backlog(1 << 28, seconds=60)
        shared = SharedState(ServeSettings(), readiness, budget, backlog, counted)
        fast_path = FastPath(shared, log, None, None, ())
        fast_path.add("/predict", Operation(batcher, queue if self.metrics else NoMetrics()))
        protocol = fast(fast_path, lambda: False)
        config = uvicorn.Config(no_way, interface="asgi3", ws="none", log_config=None)
        loop, state = asyncio.get_running_loop(), ServerState()
        self.ends = [
            (protocol(config, state, {}, loop), Transport()) for _ in range(self.connections)
        ]
        for connection, transport in self.ends:
            connection.connection_made(transport)
        if self.full:
            for _ in range(3):  # the first batch never ends, the others fill the queue
                self.ask(b"")
                await asyncio.sleep(0.01)
            for connection, transport in self.ends:
                connection._pipeline.waiting.clear()  # noqa: SLF001
                transport.written.clear()

    def ask(self, header):
        length = b"Content-Length: %d\r\n\r\n" % len(BODY)
        for connection, _ in self.ends:
            self.number += 1
            more = header % self.number if b"%" in header else header
            connection.data_received(HEAD + more + length + BODY)

    async def turn(self, header):
        self.ask(header)
        last = self.ends[-1][1].written
        while not last:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0)
        for _, transport in self.ends:
            assert len(transport.written) == 1
            transport.written.clear()

    async def measure(self, header: bytes, repeats: int) -> float:
        """Microseconds a request."""
        await self.start()
        turns = max(1, 8000 // self.connections)
        best = float("inf")
        for _ in range(repeats):
            began = time.process_time()
            for _ in range(turns):
                await self.turn(header)
            best = min(best, time.process_time() - began)
        return 1e6 * best / turns / self.connections


CASES: Sequence[tuple[str, Bench, bytes]] = (
    ("everything: limits, deadline, id, metrics, access log", Bench(64), b""),
    ("without the access log", Bench(64, log=False), b""),
    ("without metrics", Bench(64, metrics=False), b""),
    ("without either", Bench(64, log=False, metrics=False), b""),
    ("the client gives its id, another each time", Bench(64), b"X-Request-Id: r%d\r\n"),
    ("a head that is never seen twice", Bench(64), b"X-Unheard-Of: r%d\r\n"),
    ("refused: the queue is full", Bench(64, full=True), b""),
    ("8 connections", Bench(8), b""),
    ("1 connection: every batch is one request", Bench(1), b""),
)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=12)
    repeats = parser.parse_args().repeats
    print("| 64 connections, one row each | us |\n|---|---|")
    for name, bench, header in CASES:
        print(f"| {name} | {uvloop.run(bench.measure(header, repeats)):.1f} |", flush=True)


if __name__ == "__main__":
    main()
