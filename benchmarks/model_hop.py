"""Prints what it costs to have a model in a process of its own, beside a thread of this one.

python benchmarks/model_hop.py

Round trips from `submit` to the answer on an event loop, one after the other, with a model that
does nothing; `floor` is a message of 48 bytes there and back with nothing around it. The figures of
one run are comparable; CPU is that of the process with the event loop and of the other one.
"""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import uvloop

from modelbundle.runtime.batching.execution.executor import Executor, ThreadExecutor
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.manifests.signature import Field, Side
from modelbundle.runtime.remote.channel import Channel
from modelbundle.runtime.remote.message import Ready
from modelbundle.runtime.remote.model_link import ModelLink
from modelbundle.runtime.remote.model_process import ModelProcess

ROUNDS = 10_000
SIDE = Side("array", (Field("input", "float64", (None, 4)),))
CASES = {
    "1 row": [np.ones((1, 4))],
    "64 rows of 64 requests": [np.ones((1, 4))] * 64,
    "64 rows of 1 request": [np.ones((64, 4))],
    "600 KB": [np.ones((150, 1000), "f4")],
}


def call(_: str, batch: np.ndarray) -> np.ndarray:
    """One number a row."""
    return batch[:, 0]


def fork(life: Callable[[], None]) -> int:
    """The pid of a process that does nothing else."""
    pid = os.fork()
    if pid == 0:
        life()
        os._exit(0)
    return pid


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used, to the scheduler's nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


async def measure(what: str, begin: Callable[[Callable[[], None]], None], other: int) -> None:
    """Print round trips of `begin`, which calls its argument when one is over."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    seconds: list[float] = []
    began = 0.0

    def done() -> None:
        nonlocal began
        seconds.append(time.perf_counter() - began)
        if len(seconds) == ROUNDS:
            over.set_result(None)
            return
        began = time.perf_counter()
        begin(done)

    before, there = time.process_time(), cpu(other)
    began = time.perf_counter()
    begin(done)
    await over
    here = (time.process_time() - before) / ROUNDS
    there = (cpu(other) - there) / ROUNDS if other != os.getpid() else 0.0
    seconds.sort()
    p50, p99 = seconds[ROUNDS // 2], seconds[ROUNDS * 99 // 100]
    figures = (f"{1e6 * each:8.1f}" for each in (p50, p99, here, there))
    print(f"{what:38}", *figures)


def batches(executor: Executor, inputs: list[np.ndarray]) -> Callable[[Callable[[], None]], None]:
    """One batch after the other."""
    rows = sum(map(len, inputs))

    def answered(done: Callable[[], None], output: object, error: BaseException | None) -> None:
        assert error is None, error
        assert len(output) == rows
        done()

    return lambda done: executor.submit(inputs, rows, partial(answered, done))


async def floor() -> None:
    """The doorbell alone."""
    front, model = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def echo() -> None:
        front.close()
        while model.send(model.recv(64)):
            pass

    pid = fork(echo)
    waiting: list[Callable[[], None]] = []

    def hear() -> None:
        front.recv(64)
        waiting.pop()()

    def begin(done: Callable[[], None]) -> None:
        waiting.append(done)
        front.send(bytes(48))

    asyncio.get_running_loop().add_reader(front.fileno(), hear)
    await measure("floor", begin, pid)
    asyncio.get_running_loop().remove_reader(front.fileno())
    end(pid)


async def main() -> None:
    """Print the table."""
    loop = asyncio.get_running_loop()
    channel = Channel.create()
    pid = fork(partial(be_model, channel))
    link = ModelLink(channel.for_front(), "model", 0, lambda *_: None)
    process = link.executor("predict", SIDE)
    ready = asyncio.Event()
    process.start(loop, ready.set)
    await ready.wait()
    thread = ThreadExecutor(partial(call, "predict"), table)
    thread.start(loop, lambda: None)
    print(f"{'microseconds':38}", *(f"{name:>8}" for name in ("p50", "p99", "cpu here", "there")))
    await floor()
    for name, inputs in CASES.items():
        await measure(f"{name}, thread", batches(thread, inputs), os.getpid())
        await measure(f"{name}, process", batches(process, inputs), pid)
    end(pid)


def end(pid: int) -> None:
    """Have done with a process."""
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)


def be_model(channel: Channel) -> None:
    """Answer until SIGTERM."""
    ModelProcess(channel.for_model(), call, 1).serve(Ready(0.0, 0, os.getpid()), lambda: None)


if __name__ == "__main__":
    uvloop.run(main())
