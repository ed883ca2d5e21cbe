"""What is said of a model that cannot answer its own samples."""

import asyncio
import os

import numpy as np
import pytest

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.batching.execution.worker import Worker
from modelbundle.runtime.batching.policy.window import Limits
from modelbundle.runtime.data.samples import Samples
from modelbundle.runtime.errors import BundleError
from modelbundle.runtime.manifests.settings import ServeSettings
from modelbundle.runtime.models.model import LoadedModel
from modelbundle.runtime.models.runner import Runner
from modelbundle.runtime.models.thread_backend import ThreadBackend
from modelbundle.runtime.models.warmup import warm_up
from modelbundle.runtime.telemetry.metrics import Metrics
from modelbundle.runtime.telemetry.queue_metrics import QueueTotals


def _moody(rows):
    """Answers while it is saved, and imports what is not there afterwards."""
    __import__(os.environ.get("MOOD_MODULE", "math"))
    return rows / int(os.environ.get("MOOD", "1"))


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("MOOD_MODULE", "gone_away", "No module named 'gone_away'. Its code imports that when"),
        ("MOOD", "five", "It raised ValueError: invalid literal for int"),
    ],
)
def test_what_the_model_raised_is_in_the_hint_that_no_client_reads(monkeypatch, name, value, hint):
    item = modelbundle.save("m", _moody, sample=np.ones((2, 1)))
    directory = Store.default().directory(item)
    monkeypatch.setenv(name, value)

    async def run():
        model = LoadedModel.load(directory)
        metrics = Metrics([], ["m.predict"], ["m"])
        runner = Runner("m", ThreadBackend(model, Worker()), {"predict": Limits()}, metrics)
        await runner.start()
        try:
            samples = Samples.read(directory / model.manifest.samples["predict"])
            await warm_up(runner, samples, ServeSettings())
        finally:
            await runner.stop()

    with pytest.raises(BundleError, match=r"its own sample for `predict`: The model fail") as told:
        asyncio.run(run())
    assert hint in told.value.hint
    assert hint not in str(told.value)


@pytest.mark.parametrize("warmup", ["auto", 4])
def test_nothing_of_it_is_counted(warmup):
    """Clients read how much they have asked for, over all loads of a model."""
    item = modelbundle.save("m", _moody, sample=np.ones((2, 1)))
    directory = Store.default().directory(item)

    async def run():
        model = LoadedModel.load(directory)
        metrics = Metrics([], ["m.predict"], ["m"])
        runner = Runner("m", ThreadBackend(model, Worker()), {"predict": Limits()}, metrics)
        await runner.start()
        samples = Samples.read(directory / model.manifest.samples["predict"])
        await warm_up(runner, samples, ServeSettings(warmup=warmup))
        totals = runner.queue("predict").metrics.totals
        assert runner.queue("predict").batcher.cost.mean(2) > 0.0
        assert totals() == QueueTotals(0, 0.0, 0, 0.0, 0, 0, {}, 0, 0.0)
        await runner(np.ones((3, 1)))
        assert (totals().rows, totals().requests, totals().batches) == (3, 1, 1)
        await runner.stop()

    asyncio.run(run())
