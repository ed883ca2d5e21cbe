"""A model whose batches a test lets through, and what a batcher tells of itself."""

import pytest

from modelbundle.tests.runtime.batching.doubling import Log, Model


@pytest.fixture(name="model")
def a_model():
    model = Model()
    yield model
    model.gate.set()


@pytest.fixture(name="log")
def a_log():
    return Log()
