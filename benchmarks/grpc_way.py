"""A call of `ModelInfer` beside a gRPC server that does nothing: `grpc.aio`, the same bytes back.

    .venv/bin/python benchmarks/grpc_way.py [--size 4] [--isolation thread]

Both servers are up at once and asked in turn, by sixteen callers on one connection; printed are
calls a second and the CPU seconds of each server's processes for a thousand calls. The model adds
up rows in numpy, so that what is left is the server's own.
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import grpc
import numpy as np
import uvloop

from modelbundle.runtime.grpc.messages.pool import pool
from modelbundle.runtime.signature import Field, Side
from modelbundle.tests.runtime.conftest import Servers, Sums, write_bundle, write_model

PATH = "/inference.GRPCInferenceService/ModelInfer"
CALLERS = 16


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


async def echo(port):
    """A server that says what it hears."""

    async def same(data, _):
        return data

    class Handlers(grpc.GenericRpcHandler):
        def service(self, _):
            return grpc.unary_unary_rpc_method_handler(same)

    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((Handlers(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def tree(pid):
    """A process and all that it has started."""
    pids = [pid]
    for each in pids:
        for task in Path(f"/proc/{each}/task").iterdir():
            pids += map(int, (task / "children").read_text().split())
    return pids


def spent(pid):
    """CPU seconds of a process and its children."""
    ticks = 0
    for each in tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def ask(port, data, seconds):
    """Calls that were answered within so many seconds, a second."""
    options = [
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_reconnect_backoff_ms", 100),
        ("grpc.initial_reconnect_backoff_ms", 100),
    ]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        asked = channel.unary_unary(PATH)
        await asked(data, wait_for_ready=True)
        count, began = 0, time.perf_counter()

        async def call():
            nonlocal count
            while time.perf_counter() - began < seconds:
                await asked(data)
                count += 1

        await asyncio.gather(*(call() for _ in range(CALLERS)))
        return count, count / (time.perf_counter() - began)


def message(size):
    said = pool()["inference.ModelInferRequest"](model_name="sums")
    said.inputs.add(name="input", datatype="FP32", shape=[1, size])
    said.raw_input_contents.append(np.ones(size, np.float32).tobytes())
    return said.SerializeToString()


def bundle(directory, size, isolation):
    inputs = Side("array", (Field("input", "float32", (None, size)),))
    outputs = Side("array", (Field("output", "float32", (None,)),))
    write_model(directory / "models" / "sums", Sums(), inputs=inputs, outputs=outputs)
    serve = {"dialects": ["native", "grpc"], "workers": 1, "isolation": isolation}
    return write_bundle(directory, serve=serve | {"access_log": True})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=4, help="numbers in a row")
    parser.add_argument("--isolation", default="process")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--echo", type=int)
    given = parser.parse_args()
    if given.echo:
        uvloop.run(echo(given.echo))
        return
    port, own = free_port(), free_port()
    with tempfile.TemporaryDirectory() as home:
        servers = Servers(Path(home))
        running = servers.start(
            bundle(Path(home, "bundle"), given.size, given.isolation), f"--grpc-port={own}"
        )
        raw = subprocess.Popen([sys.executable, __file__, f"--echo={port}"])
        try:
            compare(given, {"echo": (port, raw.pid), "bundle": (own, running.process.pid)})
        finally:
            raw.kill()
            raw.wait()
            servers.stop()


def compare(given, asked):
    data = message(given.size)
    rates, costs = {name: [] for name in asked}, {name: [] for name in asked}
    for _ in range(given.rounds):
        for name, (port, pid) in asked.items():
            before = spent(pid)
            count, rate = uvloop.run(ask(port, data, given.seconds))
            rates[name].append(rate)
            costs[name].append(1000 * (spent(pid) - before) / count)
    for name in asked:
        rate, cost = median(rates[name]), median(costs[name])
        print(f"{name:8} {rate:8.0f} calls/s {cost:8.3f} CPU s / 1000 calls")
    print(f"ratio    {median(rates['bundle']) / median(rates['echo']):.2f}")


if __name__ == "__main__":
    main()
