"""The batcher on a real event loop with a real thread; for simulated time see test_simulation."""

import asyncio

import numpy as np
import pytest

from modelbundle.runtime.batching.batcher import Batcher
from modelbundle.runtime.batching.policy.window import Limits
from modelbundle.runtime.batching.request import FutureRequest
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.errors import DeadlineExceeded, InvalidInput, Overloaded
from modelbundle.tests.runtime.batching.doubling import (
    POISON,
    answered,
    ask,
    busy,
    outcomes,
    row,
    serve,
    threaded,
)


class TestBatches:
    def test_without_an_executor_requests_wait_and_nothing_falls_over(self):
        async def scenario():
            batcher = Batcher([], table, Limits())
            await batcher.start()
            assert batcher.predicted_wait == 0.0
            with pytest.raises(DeadlineExceeded):
                await batcher.submit(
                    row(1), rows=1, deadline=asyncio.get_running_loop().time() + 0.05
                )

        asyncio.run(scenario())

    def test_a_lone_request_goes_at_once_whatever_the_largest_batch(self, model, log):
        async def scenario(batcher):
            return await batcher.submit(row(3), rows=1)

        answer = serve(scenario, model, observer=log, max_batch_size=1000)

        assert answer.tolist() == answered(3)
        assert log.releases == [(1, "idle")]

    def test_what_queues_while_the_model_is_busy_fills_the_next_batches(self, model, log):
        async def scenario(batcher):
            first = await busy(batcher, model)
            queued = [ask(batcher, row(i), 1) for i in range(100)]
            assert (batcher.backlog.rows, len(model.batches)) == (100, 1)
            model.gate.set()
            return await asyncio.gather(first, *queued)

        answers = serve(scenario, model, observer=log, max_batch_size=32)

        assert model.batches == [1, 32, 32, 32, 4]
        assert [a.tolist() for a in answers[1:]] == [answered(i) for i in range(100)]
        assert [reason for _, reason in log.releases] == ["idle", "full", "full", "full", "ready"]
        assert log.depths == [1, 0, *range(1, 101), 68, 36, 4, 0, 0]

    def test_requests_of_one_loop_turn_share_a_batch(self, model):
        async def scenario(batcher):
            return await asyncio.gather(*(batcher.submit(row(i), rows=1) for i in range(5)))

        serve(scenario, model)

        assert model.batches == [5]

    def test_a_request_over_the_limit_is_split_and_joined_in_order(self, model):
        rows = np.arange(200.0).reshape(100, 2)

        async def scenario(batcher):
            return await batcher.submit(rows, rows=100)

        answer = serve(scenario, model, max_batch_size=8)

        assert len(model.batches) == 13
        assert answer.tolist() == (2 * rows).tolist()

    def test_the_rest_of_a_split_request_shares_its_batch(self, model):
        async def scenario(batcher):
            first = await busy(batcher, model)
            sizes = [5, 9, 3, 1]
            inputs = [np.random.default_rng(n).random((n, 2)) for n in sizes]
            futures = [ask(batcher, i, len(i)) for i in inputs]
            model.gate.set()
            await first
            return [np.array_equal(2 * i, await f) for i, f in zip(inputs, futures, strict=True)]

        assert serve(scenario, model, max_batch_size=8) == [True] * 4
        assert model.batches == [1, 8, 8, 2]

    def test_keys_never_mix_and_the_oldest_goes_first(self):
        seen = []

        def call(batch):
            seen.append(batch.shape)
            return batch

        async def scenario(batcher):
            shapes = [2, 3, 2, 3, 4, 2]
            await asyncio.gather(*(batcher.submit(row(1, n), rows=1, key=n) for n in shapes))

        serve(scenario, call)

        assert seen == [(3, 2), (2, 3), (1, 4)]

    def test_a_flood_of_one_key_does_not_starve_another(self, model):
        async def scenario(batcher):
            first = await busy(batcher, model)
            flood = [ask(batcher, row(1), 1, "flood") for _ in range(40)]
            other = ask(batcher, row(2), 1, "other")
            flood += [ask(batcher, row(1), 1, "flood") for _ in range(40)]
            model.gate.set()
            await asyncio.gather(first, other)
            done = sum(f.done() for f in flood)
            await asyncio.gather(*flood)
            return done

        assert serve(scenario, model, max_batch_size=8) <= 48

    def test_many_keys_are_forgotten_when_idle(self, model):
        async def scenario(batcher):
            for key in range(500):
                await batcher.submit(row(key), rows=1, key=key)
            return len(batcher._lanes._by_key)

        assert serve(scenario, model) <= 64

    def test_many_keys_that_wait_together_are_forgotten_afterwards(self, model):
        async def scenario(batcher):
            first = await busy(batcher, model)
            others = [ask(batcher, row(1), key=key) for key in range(200)]
            assert len(batcher._lanes) == 200
            model.gate.set()
            await asyncio.gather(first, *others)
            return len(batcher._lanes._by_key)

        assert serve(scenario, model) <= 65

    def test_what_is_known_of_a_key_in_use_outlasts_any_number_of_others(self, model):
        async def scenario(batcher):
            for key in range(200):
                await batcher.submit(row(key), rows=1, key="often")
                await batcher.submit(row(key), rows=1, key=key)
            return batcher._lanes["often"].window.cost.count

        assert serve(scenario, model) >= 64

    def test_what_cannot_be_merged_runs_as_it_came_and_may_answer_anything(self):
        async def scenario(batcher):
            inputs = [np.ones((n, 2)) for n in (3, 100, 1)]
            return await asyncio.gather(*(batcher.submit(i, rows=len(i)) for i in inputs))

        assert serve(scenario, lambda b: float(b.sum()), mergeable=False) == [6.0, 200.0, 2.0]

    def test_no_rows_are_refused(self, model):
        async def scenario(batcher):
            with pytest.raises(InvalidInput):
                ask(batcher, np.empty((0, 2)), 0)

        serve(scenario, model)


class TestOneCore:
    """Where the model and the loop have one core between them."""

    def told(self, model, log, *, queued, **limits):
        """When two were answered and `queued` waited, who was served first: a batch or a client."""
        events = []

        class Told(FutureRequest):
            def succeed(self, output):
                events.append("answer")
                super().succeed(output)

        async def scenario(batcher):
            first = await busy(batcher, model, kind=Told)
            others = [ask(batcher, row(i), 1) for i in range(queued)]
            log.released = lambda *_: events.append("batch")
            model.gate.set()
            return await asyncio.gather(first, *others)

        answers = serve(scenario, model, observer=log, is_crowded=True, **limits)
        assert [each.tolist() for each in answers[1:]] == [answered(i) for i in range(queued)]
        return events

    def test_answers_go_out_before_the_next_batch_begins(self, model, log):
        assert self.told(model, log, queued=3) == ["answer", "batch"]

    def test_a_full_batch_does_not_wait_for_them(self, model, log):
        assert self.told(model, log, queued=4, max_batch_size=4) == ["batch", "answer"]

    def test_who_comes_straight_back_is_in_the_next_batch(self, model):
        async def client(batcher, index):
            for turn in range(20):
                got = await batcher.submit(row(index + turn), rows=1)
                assert got.tolist() == answered(index + turn)

        async def scenario(batcher):
            await asyncio.gather(*(client(batcher, index) for index in range(8)))

        serve(scenario, model, is_crowded=True)

        assert model.batches == [8] * 20

    def test_draining_ends_while_the_loop_is_looked_at(self, model):
        async def scenario(batcher):
            first = await busy(batcher, model)
            model.gate.set()
            await first
            await asyncio.wait_for(batcher.stop(), 90)

        serve(scenario, model, is_crowded=True)


class TestLife:
    def test_nothing_is_accepted_before_start_and_after_stop(self, model):
        async def main():
            batcher = Batcher(threaded(model), table)
            with pytest.raises(Overloaded):
                await batcher.submit(row(1), rows=1)
            await batcher.start()
            await batcher.submit(row(1), rows=1)
            await batcher.stop()
            with pytest.raises(Overloaded):
                await batcher.submit(row(1), rows=1)

        asyncio.run(main())

    def test_start_and_stop_may_be_said_twice_and_again(self, model):
        async def main():
            batcher = Batcher(threaded(model), table)
            await batcher.stop()
            for _ in range(2):
                await batcher.start()
                await batcher.start()
                assert (await batcher.submit(row(1), rows=1)).tolist() == answered(1)
                await batcher.stop()
                await batcher.stop(drain=False)

        asyncio.run(main())

    def test_it_starts_again_on_another_loop(self, model):
        batcher = Batcher(threaded(model), table)

        async def main():
            await batcher.start()
            answer = await batcher.submit(row(1), rows=1)
            await batcher.stop()
            return answer.tolist()

        assert [asyncio.run(main()), asyncio.run(main())] == [answered(1)] * 2

    def test_draining_answers_everything_that_was_queued(self, model):
        async def main():
            batcher = Batcher(threaded(model), table, Limits(max_batch_size=4))
            await batcher.start()
            await busy(batcher, model)
            queued = [ask(batcher, row(i), 1) for i in range(10)]
            stopping = [asyncio.ensure_future(batcher.stop()) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(Overloaded):
                ask(batcher, row(1), 1)
            model.gate.set()
            await asyncio.gather(*stopping)
            return [f.result().tolist() for f in queued]

        assert asyncio.run(main()) == [answered(i) for i in range(10)]

    def test_stopping_without_draining_answers_503_and_does_not_wait_for_the_model(self, model):
        async def main():
            batcher = Batcher(threaded(model), table)
            await batcher.start()
            first = await busy(batcher, model)
            queued = ask(batcher, row(1), 1)
            await batcher.stop(drain=False)
            assert not model.gate.is_set()
            return await outcomes([first, queued])

        assert [type(r) for r in asyncio.run(main())] == [Overloaded] * 2

    def test_patience_with_draining_may_end(self, model):
        async def main():
            batcher = Batcher(threaded(model), table)
            await batcher.start()
            first = await busy(batcher, model)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(batcher.stop(), 0.01)
            await batcher.stop(drain=False)
            return await outcomes([first])

        assert [type(r) for r in asyncio.run(main())] == [Overloaded]

    def test_warming_up_measures_a_few_sizes_up_to_the_largest(self, model):
        async def scenario(batcher):
            measured = await batcher.warm_up(row(1))
            return measured, batcher._lanes[None].window.cost.count

        measured, count = serve(scenario, model, max_batch_size=12)

        assert model.batches == [1, 1, 8, 12]
        assert [rows for rows, _ in measured] == [1, 8, 12]
        assert count == 3

    def test_warming_up_finds_what_memory_holds(self, model):
        model.memory = 10

        async def scenario(batcher):
            await batcher.warm_up(row(1))
            return await batcher.submit(np.ones((16, 2)), rows=16)

        assert len(serve(scenario, model, max_batch_size=64, latency_budget=60.0)) == 16
        assert model.batches == [1, 1, 8, 64, 16, 8, 8]

    def test_warming_up_raises_what_the_model_raises(self, model):
        async def scenario(batcher):
            with pytest.raises(ValueError, match="poison"):
                await batcher.warm_up(row(POISON))

        serve(scenario, model)
