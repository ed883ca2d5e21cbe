"""Which sizes are measured before the first client asks, in time that the test lets pass."""

import asyncio

import numpy as np
import pytest

from modelbundle.runtime.batching.execution.measurement import Measurement
from modelbundle.runtime.batching.lanes.lanes import Lanes
from modelbundle.runtime.batching.policy.cost import CostModel
from modelbundle.runtime.batching.policy.window import Limits, Window
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.errors import InvalidInput, ModelDied, PredictionFailed


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


class Bounded(Paced):
    """A model that fails with more than `most` rows, as a program with a largest size does."""

    def __init__(self, most, error):
        super().__init__(0.001, 0.0)
        self._most, self._error = most, error

    def submit(self, inputs, rows, done):
        if len(inputs[0]) > self._most:
            self.sizes.append(rows)
            done(None, self._error)
        else:
            super().submit(inputs, rows, done)


@pytest.mark.parametrize(
    ("most", "sizes", "limit"),
    [
        (1, [1, 1, 8, 2], 1),
        (16, [1, 1, 8, 64, 16, 32], 16),
        (20, [1, 1, 8, 64, 16, 32], 16),
        (63, [1, 1, 8, 64, 16, 32], 32),
        (64, [1, 1, 8, 64], 64),
    ],
)
def test_a_size_that_the_model_fails_with_is_never_tried_again(most, sizes, limit, caplog):
    """The server did not start, although its model answers fewer rows."""
    executor = Bounded(most, InvalidInput("instances: too many."))
    limits = Limits(max_batch_size=64)
    window = Window(limits, CostModel())
    measurement = Measurement(executor, table, limits, lambda: executor.now)
    asyncio.run(measurement.run(np.ones((1, 2)), window, 10.0))
    assert executor.sizes == sizes
    assert (window.limit, window.most) == (limit, limit)
    assert ("the model fails with so many" in caplog.text) == (most < 64)
    lanes = Lanes(limits)
    lanes.learn(window)
    assert lanes["of another shape"].window.limit == limit


@pytest.mark.parametrize(
    ("most", "error"), [(0, ValueError("no.")), (4, ModelDied("crash")), (4, PredictionFailed())]
)
def test_a_model_that_fails_with_one_row_or_dies_or_answers_wrongly_is_not_served(most, error):
    executor = Bounded(most, error)
    limits = Limits(max_batch_size=64)
    measurement = Measurement(executor, table, limits, lambda: executor.now)
    with pytest.raises(type(error)):
        asyncio.run(measurement.run(np.ones((1, 2)), Window(limits, CostModel()), 10.0))
