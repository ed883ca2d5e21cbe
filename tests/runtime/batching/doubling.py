"""A model to batch for, on a real event loop with a real thread, and who counts."""

import asyncio
import threading
from collections import Counter

import numpy as np

from modelbundle.runtime.batching.batcher import Batcher
from modelbundle.runtime.batching.execution.executor import ThreadExecutor
from modelbundle.runtime.batching.observer import NullObserver
from modelbundle.runtime.batching.policy.window import Limits
from modelbundle.runtime.batching.request import FutureRequest
from modelbundle.runtime.data.rows import table

POISON = -1.0


class Model:
    """Doubles its rows; fails on poison; can be made to wait."""

    def __init__(self):
        self.batches = []
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.memory = 10_000  # rows

    def __call__(self, batch):
        self.batches.append(len(batch))
        self.entered.set()
        assert self.gate.wait(90)
        if len(batch) > self.memory:
            raise MemoryError
        if (batch == POISON).any():
            raise ValueError("poison")
        return batch * 2


class Log(NullObserver):
    """Remembers what it is told."""

    def __init__(self):
        self.depths = []
        self.releases = []
        self.refusals = Counter()

    def queued(self, rows):
        self.depths.append(rows)

    def released(self, rows, requests, waited, reason):
        self.releases.append((rows, reason))

    def refused(self, reason):
        self.refusals[reason] += 1


class Asked(asyncio.Future):
    """An answer; to cancel it is to leave."""

    def __init__(self, request):
        super().__init__()
        self.request = request
        request.future = self

    def cancel(self, msg=None):
        self.request.abandon()
        return super().cancel(msg)


class Sharing:
    """A group that hands out what it is handed."""

    def answer(self, requests, output, bounds):
        assert len(bounds) == len(requests) + 1
        for request, start, stop in zip(requests, bounds, bounds[1:], strict=False):
            request.future.set_result(output[start:stop])


class Grouped(FutureRequest):
    """A request of a group."""

    group = Sharing()


def ask(batcher, batch, rows=1, key=None, size=0, deadline=None, *, kind=FutureRequest):
    """Queue `batch`; its answer."""
    request = kind(batch, rows, size, deadline)
    asked = Asked(request)
    batcher.enqueue(request, key)
    return asked


def threaded(call):
    """An executor for `call` with a thread of its own."""
    return ThreadExecutor(call, table)


def row(value, columns=2):
    return np.full((1, columns), float(value))


def answered(value):
    return [[2.0 * value] * 2]


def serve(scenario, call, *, observer=None, drain=True, **limits):
    """Run `scenario(batcher)` on a started batcher."""

    async def main():
        batcher = Batcher(threaded(call), table, Limits(**limits), observer=observer)
        await batcher.start()
        try:
            return await scenario(batcher)
        finally:
            await batcher.stop(drain=drain)

    return asyncio.run(main())


async def running(model):
    """Until the model has begun with a batch."""
    assert await asyncio.to_thread(model.entered.wait, 30)


async def busy(batcher, model, kind=FutureRequest):
    """Have the model hold its first batch, so that all that follows queues; its answer."""
    model.gate.clear()
    first = ask(batcher, row(0), kind=kind)
    await running(model)
    return first


async def outcomes(futures):
    return await asyncio.gather(*futures, return_exceptions=True)
