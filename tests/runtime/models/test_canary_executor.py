"""A model in a thread that a request has broken has its process replaced, and no other has."""

import asyncio

import numpy as np
import pytest

from modelbundle.runtime.batching.execution.worker import Worker
from modelbundle.runtime.errors import InvalidInput
from modelbundle.runtime.models.canary import FAILURES, MOST_BYTES, Canary
from modelbundle.runtime.models.canary_executor import CanaryExecutor

BREAKING, FAILING, REFUSED = -1.0, -2.0, -3.0


class Model:
    """Doubles its rows where they stand; -1 breaks it for good."""

    def __init__(self):
        self.is_broken = False
        self.asked = []

    def __call__(self, method, batch):
        first = batch[0, 0]
        self.asked.append(float(first))
        if self.is_broken or first == FAILING:
            raise ValueError("it fails")
        if first == REFUSED:
            raise InvalidInput("not this one")
        self.is_broken = first == BREAKING
        batch *= 2
        return batch[:, 0]


def serve(scenario):
    """Run it with a model, what asks that, and the reasons for which its process is to end."""
    model, reasons = Model(), []

    async def main():
        worker = Worker()
        executor = CanaryExecutor("predict", model, worker, Canary(model), reasons.append)
        executor.start(asyncio.get_running_loop(), lambda: None)

        async def ask(*firsts, columns=2):
            """The answer for these rows, after what follows it in the thread."""
            answer = asyncio.get_running_loop().create_future()
            rows = [np.full((1, columns), first) for first in firsts]
            executor.submit(rows, len(rows), lambda *told: answer.set_result(told))
            output, error = await answer
            after = asyncio.get_running_loop().create_future()
            worker.submit(lambda: None, lambda *_: after.set_result(None))
            await after
            if error is not None:
                raise error
            return output.tolist()

        await scenario(ask, model, reasons)
        executor.stop()

    asyncio.run(main())


@pytest.mark.parametrize("rows", [(5.0,), (5.0, 6.0)])
def test_a_model_that_fails_on_what_it_has_answered_is_told_of(rows):
    async def scenario(ask, model, reasons):
        assert await ask(*rows) == [2 * row for row in rows]
        await ask(BREAKING)
        for _ in range(FAILURES):
            assert not reasons
            with pytest.raises(ValueError, match="it fails"):
                await ask(7.0)
        assert reasons == ["fails on rows that it has answered before"]
        assert model.asked[-1] == 5.0  # as it came, though the model has doubled it

    serve(scenario)


@pytest.mark.parametrize("first", [FAILING, REFUSED])
def test_a_model_that_fails_on_its_requests_stays(first):
    """Bad rows cost ever fewer calls, and what a client is to blame for costs none."""

    async def scenario(ask, model, reasons):
        await ask(5.0)
        for _ in range(FAILURES * (1 + 2 + 4)):
            with pytest.raises(Exception, match=r"it fails|not this one"):
                await ask(first)
        assert await ask(6.0) == [12.0]
        assert model.asked.count(5.0) == 1 + (3 if first == FAILING else 0)
        assert not reasons

    serve(scenario)


def test_large_batches_are_not_kept():
    """There is nothing that the model could be asked again."""

    async def scenario(ask, model, reasons):
        await ask(5.0, columns=MOST_BYTES // 8 + 1)
        await ask(BREAKING, columns=MOST_BYTES // 8 + 1)
        for _ in range(2 * FAILURES):
            with pytest.raises(ValueError, match="it fails"):
                await ask(7.0)
        assert model.asked.count(5.0) == 1
        assert not reasons

    serve(scenario)


def test_one_that_is_stopped_meanwhile_is_not_asked_again():
    model, reasons = Model(), []

    async def main():
        executor = CanaryExecutor("predict", model, Worker(), Canary(model), reasons.append)
        executor.start(asyncio.get_running_loop(), lambda: None)
        answer = asyncio.get_running_loop().create_future()
        executor.submit([np.array([[FAILING]])], 1, lambda *told: answer.set_result(told))
        executor.stop()
        _, error = await answer
        assert isinstance(error, ValueError)

    asyncio.run(main())
