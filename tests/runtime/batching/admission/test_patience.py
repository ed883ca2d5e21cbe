import asyncio
from collections import Counter
from math import inf

import pytest

from modelbundle.runtime.batching.admission.patience import MEMORY, Patience
from modelbundle.runtime.batching.batcher import Batcher
from modelbundle.runtime.batching.policy.window import Limits
from modelbundle.runtime.batching.request import FutureRequest, Request
from modelbundle.runtime.errors import Overloaded
from modelbundle.tests.runtime.batching.simulation import Rows, SimulatedExecutor, simulate

CAPACITY = 4 / 0.058  # rows a second


def come(times, *, wait, seconds=10.0):
    """What becomes of so many times the capacity in requests whose clients wait so long."""
    counts = Counter()

    async def main(loop):
        executor = SimulatedExecutor(list, lambda rows: 0.05 + 0.002 * rows)
        limits = Limits(max_batch_size=4, latency_budget=0.06)
        batcher = Batcher(executor, Rows(), limits, clock=loop.time)
        await batcher.start()

        async def client():
            request = FutureRequest([1], 1, 0, loop.time() + 30.0)
            try:
                batcher.enqueue(request)
                async with asyncio.timeout(wait):
                    await request.answer()
            except TimeoutError:
                counts["left"] += 1
            except Overloaded:
                counts["refused"] += 1
            else:
                counts["good"] += 1

        clients = []
        for _ in range(int(times * CAPACITY * seconds)):
            clients.append(loop.create_task(client()))
            await asyncio.sleep(1 / (times * CAPACITY))
        await asyncio.gather(*clients)
        await batcher.stop()

    simulate(main)
    return counts


@pytest.mark.parametrize("times", [2, 10])
def test_clients_that_leave_before_their_deadline_are_answered_while_they_are_here(times):
    counts = come(times, wait=1.0)

    assert counts["good"] > 0.85 * CAPACITY * 10.0
    assert counts["left"] < 0.5 * times * CAPACITY  # all of them at first


def test_clients_that_wait_are_not_hurried():
    assert come(2, wait=60.0, seconds=5.0)["left"] == 0


def batch(waits, *, left):
    """Requests that had waited so long when a batch began at 10, of which so many leave."""
    requests = [Request([1], 1) for _ in waits]
    for request, wait in zip(requests, waits, strict=True):
        request.arrived = 10.0 - wait
    for request in requests[:left]:
        request.abandon()
    return requests


def noted(requests, times=20):
    patience = Patience()
    for _ in range(times):
        patience.note(requests, 10.0, 10.05)
    return patience


def test_what_most_had_waited_that_left_is_what_clients_wait():
    patience = noted(batch([0.9, 0.8, 0.7, 0.6], left=3))
    assert patience.limit(10.05) == pytest.approx(0.9)
    assert patience.limit(11.0 + MEMORY) == inf


@pytest.mark.parametrize(
    ("waits", "left"),
    [([0.9] * 4, 1), ([0.9] * 4, 0), ([0.05] * 4, 4)],
    ids=["few", "none", "soon"],
)
def test_who_leaves_for_reasons_of_his_own_hurries_nobody(waits, left):
    assert noted(batch(waits, left=left)).limit(10.05) == inf


def test_one_batch_is_no_habit():
    assert noted(batch([0.9] * 4, left=4), times=1).limit(10.05) == inf
