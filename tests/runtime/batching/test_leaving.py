"""Who leaves before the answer, and who has no time to wait for it."""

import asyncio
import contextlib

import numpy as np
import pytest

from modelbundle.runtime.errors import DeadlineExceeded
from modelbundle.tests.runtime.batching.doubling import (
    answered,
    ask,
    busy,
    outcomes,
    row,
    running,
    serve,
)


class TestLeaving:
    def test_a_client_that_leaves_the_queue_is_not_computed_and_its_mates_are(self, model, log):
        async def scenario(batcher):
            first = await busy(batcher, model)
            tasks = [asyncio.ensure_future(batcher.submit(row(i), rows=1)) for i in range(3)]
            await asyncio.sleep(0)
            tasks[1].cancel()
            await asyncio.sleep(0)
            model.gate.set()
            await first
            return await outcomes(tasks)

        results = serve(scenario, model, observer=log)

        assert model.batches == [1, 2]
        assert [results[0].tolist(), results[2].tolist()] == [answered(0), answered(2)]
        assert log.refusals == {"cancelled": 1}

    def test_a_client_that_leaves_a_running_batch_harms_nobody(self, model):
        async def scenario(batcher):
            model.gate.clear()
            futures = [ask(batcher, row(i), 1) for i in range(3)]
            await running(model)
            futures[0].cancel()
            model.gate.set()
            return (await outcomes(futures))[1:]

        assert [r.tolist() for r in serve(scenario, model)] == [answered(1), answered(2)]

    def test_a_client_that_leaves_a_split_request_frees_its_rest(self, model):
        async def scenario(batcher):
            model.gate.clear()
            future = ask(batcher, np.ones((100, 2)), 100)
            await running(model)
            future.cancel()
            model.gate.set()
            await batcher.submit(row(1), rows=1)

        serve(scenario, model, max_batch_size=8)

        assert model.batches == [8, 1]

    def test_the_room_of_those_that_left_is_given_away(self, model):
        async def scenario(batcher):
            first = await busy(batcher, model)
            gone = [ask(batcher, row(i), 1) for i in range(10)]
            for future in gone:
                future.cancel()
            kept = ask(batcher, np.ones((10, 2)), 10)
            model.gate.set()
            await asyncio.gather(first, kept)

        serve(scenario, model, max_queue_rows=10)

        assert model.batches == [1, 10]


class TestDeadlines:
    def test_a_request_past_its_deadline_never_runs(self, model, log):
        async def scenario(batcher):
            first = await busy(batcher, model)
            now = batcher._clock()
            late = ask(batcher, row(1), 1, deadline=now + 0.2)
            kept = ask(batcher, row(2), 1)
            with pytest.raises(DeadlineExceeded):
                await late  # told at once, while the model is still busy
            assert not model.gate.is_set()
            model.gate.set()
            await asyncio.gather(first, kept)

        serve(scenario, model, observer=log)

        assert model.batches == [1, 1]
        assert log.refusals == {"expired": 1}

    def test_a_running_request_is_told_at_its_deadline(self, model):
        async def scenario(batcher):
            model.gate.clear()
            with pytest.raises(DeadlineExceeded):
                await batcher.submit(row(1), rows=1, deadline=batcher._clock() + 0.02)
            model.gate.set()
            return await batcher.submit(row(2), rows=1)

        assert serve(scenario, model).tolist() == answered(2)

    def test_a_deadline_in_the_past_is_refused(self, model):
        async def scenario(batcher):
            with pytest.raises(DeadlineExceeded):
                ask(batcher, row(1), 1, deadline=batcher._clock() - 1)

        serve(scenario, model)

        assert model.batches == []

    def test_nothing_ticks_while_nothing_waits(self, model):
        async def scenario(batcher):
            with contextlib.suppress(DeadlineExceeded):  # of a machine that is busy
                await batcher.submit(row(1), rows=1, deadline=batcher._clock() + 0.01)
            await asyncio.sleep(0.05)
            return batcher._timer._handle

        assert serve(scenario, model) is None
