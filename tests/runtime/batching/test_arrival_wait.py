"""Calls that come a turn of the loop apart: a batch waits for the next, and no longer."""

import asyncio

import numpy as np
import pytest

from modelbundle.runtime.batching.batcher import Batcher
from modelbundle.runtime.batching.request import FutureRequest
from modelbundle.runtime.data.rows import table
from modelbundle.tests.runtime.batching.test_enqueue_all import Slow


async def batches(turns, *, is_trickling, alpha=1.0):
    """The rows of each batch, where call after call comes so many turns after the last one."""
    executor = Slow()
    batcher = Batcher(executor, table)
    batcher.cost.observe(1, alpha)  # seconds a batch
    await batcher.start()
    requests = [FutureRequest(np.array([float(number)]), 1, 0, None) for number in range(3)]
    for request in requests:
        batcher.enqueue(request, is_trickling=is_trickling)
        for _ in range(turns):
            await asyncio.sleep(0)
    while not all(request.future.done() for request in requests):
        if executor.given:
            yield len(executor.given[0][0])
            executor.answer()
        await asyncio.sleep(0)
    assert [request.future.result().tolist() for request in requests] == [[0.0], [2.0], [4.0]]
    await batcher.stop()


@pytest.mark.parametrize(
    ("turns", "is_trickling", "alpha", "expected"),
    [
        (1, True, 1.0, [3]),
        (1, False, 1.0, [1, 2]),
        (9, True, 1.0, [1, 2]),  # whoever is alone waits for nobody
        (1, True, 0.0, [2, 1]),  # nor does anyone for longer than a batch costs
    ],
)
def test_what_trickles_in(turns, is_trickling, alpha, expected):
    async def scenario():
        found = batches(turns, is_trickling=is_trickling, alpha=alpha)
        return [rows async for rows in found]

    assert asyncio.run(scenario()) == expected
