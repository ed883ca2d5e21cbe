"""Which sizes are measured before the first client asks, in time that the test lets pass."""

import asyncio

import numpy as np
import pytest

from modelbundle.runtime.batching.execution.measurement import Measurement
from modelbundle.runtime.batching.policy.cost import CostModel
from modelbundle.runtime.batching.policy.window import Limits, Window
from modelbundle.runtime.data.rows import table


class Paced:
    """An executor whose calls take `alpha` seconds, and `beta` for each row."""

    def __init__(self, alpha, beta):
        self.now = 0.0
        self.sizes = []
        self._alpha, self._beta = alpha, beta

    def submit(self, inputs, rows, done):
        self.sizes.append(rows)
        self.now += self._alpha + self._beta * rows
        done(inputs[0], None)


@pytest.mark.parametrize(
    ("alpha", "beta", "sizes"),
    [
        (0.001, 0.0, [1, 1, 8, 64]),
        (0.001, 0.0001, [1, 1, 8, 64]),
        (0.02, 0.0, [1, 1, 2, 4, 8, 16, 32, 64]),  # a call of 8 rows could take 0.16 s
        (0.2, 0.0, [1, 1]),
    ],
)
def test_the_sizes_grow_as_fast_as_the_budget_lets_them(alpha, beta, sizes):
    executor = Paced(alpha, beta)
    limits = Limits(max_batch_size=64, latency_budget=0.1)
    measurement = Measurement(executor, table, limits, lambda: executor.now)
    measured = asyncio.run(measurement.run(np.ones((1, 2)), Window(limits, CostModel()), 10.0))
    assert executor.sizes == sizes
    assert [rows for rows, _ in measured] == sizes[1:]
    assert [seconds for _, seconds in measured] == pytest.approx(
        [alpha + beta * rows for rows in sizes[1:]]
    )


def test_it_ends_after_its_time():
    executor = Paced(0.02, 0.0)
    limits = Limits(max_batch_size=64, latency_budget=0.1)
    measurement = Measurement(executor, table, limits, lambda: executor.now)
    asyncio.run(measurement.run(np.ones((1, 2)), Window(limits, CostModel()), 0.05))
    assert executor.sizes == [1, 1, 2]
