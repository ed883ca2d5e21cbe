"""What the batcher itself costs a request, beside a model that does nothing.

python benchmarks/batching_overhead.py [BATCH]

One process, one event loop, the model's thread; rows of four numbers, BATCH (64) requests of one
row at a time. Prints microseconds a request, the thread, the joining of the rows and the making of
the requests included: the best of several rounds, since everything else only adds to it.
"""

import asyncio
import sys
import time
from typing import Any

import numpy as np

from modelbundle.runtime.batching.batcher import Batcher
from modelbundle.runtime.batching.execution.executor import ThreadExecutor
from modelbundle.runtime.batching.policy.window import Limits
from modelbundle.runtime.batching.request import FutureRequest, Request
from modelbundle.runtime.data.rows import table

ROUNDS, BATCHES = 7, 300
ROW = np.zeros((1, 4))
TIMEOUT = 30.0  # seconds


class Whole:
    """A group that is told when a batch has been answered."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[None]

    def answer(self, requests: list[Any], output: Any, bounds: list[int]) -> None:  # noqa: ARG002  # only when
        """The answers are there."""
        self.answered.set_result(None)


class Grouped(Request):
    """A request whose answer comes with those of its batch."""

    __slots__ = ()
    group = Whole()


async def grouped(batcher: Batcher, batch: int) -> None:
    """Requests whose answers are handed over together."""
    group = Grouped.group
    group.answered = asyncio.get_running_loop().create_future()
    for _ in range(batch):
        batcher.enqueue(Grouped(ROW, 1, 100, time.monotonic() + TIMEOUT))
    await group.answered


async def awaited(batcher: Batcher, batch: int) -> None:
    """Requests whose answers are futures."""
    requests = [FutureRequest(ROW, 1, 100, time.monotonic() + TIMEOUT) for _ in range(batch)]
    for request in requests:
        batcher.enqueue(request)
    await requests[-1].future


async def measure(kind: Any, batch: int, limits: Limits) -> float:
    """Microseconds a request."""
    batcher = Batcher(ThreadExecutor(lambda rows: rows, table), table, limits)
    await batcher.start()
    await batcher.warm_up(ROW)
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(BATCHES):
            await kind(batcher, batch)
        best = min(best, time.perf_counter() - began)
    await batcher.stop()
    return 1e6 * best / (BATCHES * batch)


def main() -> None:
    """Print one line for each kind of request."""
    batch = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    plain = Limits(max_batch_size=batch, latency_budget=1.0)
    ranked = Limits(max_batch_size=batch, latency_budget=1.0, priorities=True, fairness=True)
    for name, kind, limits in (
        ("handed over together", grouped, plain),
        ("awaited one by one", awaited, plain),
        ("together, with priorities and shares", grouped, ranked),
    ):
        print(f"{name:38} {asyncio.run(measure(kind, batch, limits)):5.2f} us a request")


if __name__ == "__main__":
    main()
