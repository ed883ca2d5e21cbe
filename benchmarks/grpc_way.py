"""Calls of `ModelInfer`: a bundle beside MLServer, KServe and PyTriton, and a server of nothing.

    .venv/bin/python benchmarks/grpc_way.py --mlserver PYTHON --kserve PYTHON --pytriton PYTHON

Each PYTHON is the interpreter of an environment with that server; one that is not given is left
out. `echo` is `grpc.aio` with a function that answers with what it hears: less it cannot cost. All
servers are up at once and asked in turn, by sixteen callers on one connection; printed are calls a
second, the median latency, and the CPU seconds of each server's processes for a thousand calls.
The model adds up rows in numpy, so that what is left is the servers' own.

    (nothing)                        4 numbers a row, 16 callers
    --size 150528 --clients 4        600 kB a row, 4 callers
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import grpc
import numpy as np
import uvloop
from field import add_arguments, bundle, compare, peers

from modelbundle.runtime.grpc.messages.pool import pool
from modelbundle.tests.runtime.conftest import Servers, free_port

PATH = "/inference.GRPCInferenceService/ModelInfer"
OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_reconnect_backoff_ms", 100),
    ("grpc.initial_reconnect_backoff_ms", 100),
]


async def echo(port):
    """A server that says what it hears."""

    async def same(data, _):
        return data

    class Handlers(grpc.GenericRpcHandler):
        def service(self, _):
            return grpc.unary_unary_rpc_method_handler(same)

    server = grpc.aio.server(options=OPTIONS[:2])
    server.add_generic_rpc_handlers((Handlers(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


async def call(port, data, clients, seconds):
    """Calls that were answered within so many seconds, that a second, and their median latency."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS) as channel:
        asked = channel.unary_unary(PATH)
        await asked(data, wait_for_ready=True)
        taken, began = [], time.perf_counter()

        async def go_on():
            while (now := time.perf_counter()) - began < seconds:
                await asked(data)
                taken.append(time.perf_counter() - now)

        await asyncio.gather(*(go_on() for _ in range(clients)))
        return len(taken), len(taken) / (time.perf_counter() - began), median(taken)


def message(size):
    said = pool()["inference.ModelInferRequest"](model_name="sums")
    said.inputs.add(name="input", datatype="FP32", shape=[1, size])
    said.raw_input_contents.append(np.ones(size, np.float32).tobytes())
    return said.SerializeToString()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    parser.add_argument("--isolation", default="process")
    parser.add_argument("--echo", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.echo:
        uvloop.run(echo(given.echo))
        return
    port, own = free_port(), free_port()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        servers = Servers(home)
        serve = {"dialects": ["native", "grpc"], "isolation": given.isolation}
        running = servers.start(bundle(home / "bundle", given.size, **serve), f"--grpc-port={own}")
        raw = subprocess.Popen([sys.executable, __file__, f"--echo={port}"])
        try:
            with peers(given, home) as found:
                asked = {name: (http + 1, pid) for name, (http, pid) in found.items()}
                asked |= {"bundle": (own, running.process.pid), "echo": (port, raw.pid)}
                measure(given, asked)
        finally:
            raw.kill()
            raw.wait()
            servers.stop()


def measure(given, asked):
    """Each in turn."""
    data = message(given.size)
    compare(
        given, asked, lambda _, port: uvloop.run(call(port, data, given.clients, given.seconds))
    )


if __name__ == "__main__":
    main()
