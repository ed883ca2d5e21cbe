"""What happens when a batch fails, or when there is too much of it."""

import asyncio
import logging

import numpy as np
import pytest

from modelbundle.runtime.errors import InvalidInput, Overloaded, PredictionFailed
from modelbundle.tests.runtime.batching.doubling import (
    POISON,
    answered,
    ask,
    busy,
    outcomes,
    row,
    serve,
)


class TestFailures:
    @pytest.fixture(autouse=True)
    def _expected(self, caplog):
        caplog.set_level(logging.CRITICAL, logger="modelbundle.runtime")

    @pytest.mark.parametrize("guilty", [{0}, {31}, {13}, {3, 4}, set(range(32))])
    def test_only_the_guilty_fail(self, model, guilty):
        async def scenario(batcher):
            return await outcomes(
                ask(batcher, row(POISON if i in guilty else i), 1) for i in range(32)
            )

        results = serve(scenario, model)

        assert {i for i, r in enumerate(results) if isinstance(r, PredictionFailed)} == guilty
        assert all(r.tolist() == answered(i) for i, r in enumerate(results) if i not in guilty)

    def test_nobody_is_tried_twice_where_that_is_not_harmless(self, model):
        async def scenario(batcher):
            return await outcomes(ask(batcher, row(v), 1) for v in (1, POISON, 2))

        results = serve(scenario, model, idempotent=False)

        assert model.batches == [3]
        assert [type(r) for r in results] == [PredictionFailed] * 3

    def test_the_first_error_of_a_split_request_cancels_its_rest(self, model):
        rows = np.ones((100, 2))
        rows[9] = POISON

        async def scenario(batcher):
            with pytest.raises(PredictionFailed):
                await batcher.submit(rows, rows=100)
            return await batcher.submit(row(1), rows=1)

        assert serve(scenario, model, max_batch_size=8).tolist() == answered(1)
        assert model.batches == [8, 8, 1]

    def test_a_request_error_of_the_model_reaches_the_request_that_caused_it(self):
        def call(batch):
            if (batch == POISON).any():
                raise InvalidInput("age: expected a positive number.")
            return batch * 2

        async def scenario(batcher):
            return await outcomes(ask(batcher, row(v), 1) for v in (1, POISON, 2))

        results = serve(scenario, call)

        assert [r.tolist() for r in (results[0], results[2])] == [answered(1), answered(2)]
        assert results[1].status == 422
        assert results[1].detail == "age: expected a positive number."

    @pytest.mark.parametrize("output", [np.zeros((1, 2)), np.zeros((9, 2)), 3.0, None])
    def test_a_wrong_length_is_an_error_never_a_wrong_answer(self, output):
        async def scenario(batcher):
            return await outcomes(ask(batcher, np.ones((2, 2)), 2) for _ in range(2))

        results = serve(scenario, lambda _: output)

        assert [type(r) for r in results] == [PredictionFailed] * 2

    def test_only_the_request_with_the_wrong_length_fails(self):
        def call(batch):
            return batch[batch[:, 0] != POISON]

        async def scenario(batcher):
            return await outcomes(ask(batcher, row(v), 1) for v in (1, 2, POISON, 3))

        results = serve(scenario, call)

        assert [isinstance(r, PredictionFailed) for r in results] == [False, False, True, False]

    @pytest.mark.parametrize(
        "error", [SystemExit(3), StopIteration(), KeyError("x"), BaseException()]
    )
    def test_whatever_the_model_raises_is_answered_and_serving_goes_on(self, error):
        def call(batch):
            if (batch == POISON).any():
                raise error
            return batch

        async def scenario(batcher):
            with pytest.raises(PredictionFailed) as caught:
                await batcher.submit(row(POISON), rows=1)
            assert caught.value.__cause__ is error
            return await batcher.submit(row(1), rows=1)

        assert serve(scenario, call).tolist() == [[1.0, 1.0]]

    def test_the_log_has_the_traceback_and_the_client_does_not(self, model, caplog):
        caplog.set_level(logging.ERROR, logger="modelbundle.runtime")

        async def scenario(batcher):
            with pytest.raises(PredictionFailed) as caught:
                await batcher.submit(row(POISON), rows=1)
            return caught.value.detail

        assert "poison" not in serve(scenario, model)
        assert "ValueError: poison" in caplog.text

    def test_out_of_memory_goes_on_with_half(self, model):
        model.memory = 40

        async def scenario(batcher):
            first = await busy(batcher, model)
            futures = [ask(batcher, row(i), 1) for i in range(128)]
            model.gate.set()
            await first
            return await asyncio.gather(*futures)

        answers = serve(scenario, model, max_batch_size=64)

        assert [a.tolist() for a in answers] == [answered(i) for i in range(128)]
        assert model.batches == [1, 64, 32, 32, 32, 32]

    def test_out_of_memory_halves_a_single_request_too(self, model):
        model.memory = 10
        rows = np.arange(100.0).reshape(50, 2)

        async def scenario(batcher):
            return await batcher.submit(rows, rows=50)

        assert serve(scenario, model).tolist() == (2 * rows).tolist()

    @pytest.mark.parametrize(
        "error",
        [
            type("OutOfMemoryError", (RuntimeError,), {})("CUDA"),
            RuntimeError("CUDA error: out of memory"),
            RuntimeError("Failed to allocate memory for requested buffer of size 1"),
        ],
    )
    def test_the_libraries_have_many_words_for_out_of_memory(self, error):
        def call(batch):
            if len(batch) > 4:
                raise error
            return batch

        async def scenario(batcher):
            return len(await batcher.submit(np.ones((16, 2)), rows=16))

        assert serve(scenario, call) == 16

    def test_memory_for_not_even_one_row_is_a_failure(self, model):
        model.memory = 0

        async def scenario(batcher):
            with pytest.raises(PredictionFailed):
                await batcher.submit(row(1), rows=1)

        serve(scenario, model)

    def test_parts_that_do_not_join_are_a_failure(self):
        calls = iter([np.zeros((2, 1)), np.zeros((2, 7))])

        async def scenario(batcher):
            with pytest.raises(PredictionFailed):
                await batcher.submit(np.ones((4, 2)), rows=4)

        serve(scenario, lambda _: next(calls), max_batch_size=2)


class TestOverload:
    def test_a_full_queue_refuses_at_once_and_says_when_to_come_back(self, model, log):
        async def scenario(batcher):
            await batcher.warm_up(row(1))
            model.entered.clear()
            first = await busy(batcher, model)
            queued = [ask(batcher, row(i), 1) for i in range(10)]
            with pytest.raises(Overloaded) as caught:
                ask(batcher, row(11), 1)
            model.gate.set()
            await asyncio.gather(first, *queued)
            return caught.value

        error = serve(scenario, model, observer=log, max_queue_rows=10)

        assert error.status == 503
        assert error.retry_after > 0
        assert log.refusals == {"rows": 1}

    def test_bytes_are_bounded_too(self, model, log):
        async def scenario(batcher):
            first = await busy(batcher, model)
            queued = ask(batcher, row(1), 1, None, 900)
            assert batcher.backlog.bytes == 900
            with pytest.raises(Overloaded):
                ask(batcher, row(2), 1, None, 200)
            model.gate.set()
            await asyncio.gather(first, queued)
            return batcher.backlog.bytes

        assert serve(scenario, model, observer=log, max_queue_bytes=1000) == 0
        assert log.refusals == {"bytes": 1}

    def test_a_lone_request_is_never_refused_for_its_size(self, model):
        async def scenario(batcher):
            return len(await batcher.submit(np.ones((50, 2)), rows=50, size=5000))

        assert serve(scenario, model, max_queue_rows=10, max_queue_bytes=10) == 50

    def test_a_request_whose_turn_comes_too_late_is_refused_at_once(self, model, log):
        async def scenario(batcher):
            batcher._lanes[None].window.observe(1, 0.5)
            first = await busy(batcher, model)
            with pytest.raises(Overloaded) as caught:
                ask(batcher, row(1), 1, deadline=batcher._clock() + 0.6)
            patient = ask(batcher, row(2), 1, deadline=batcher._clock() + 60)
            model.gate.set()
            await asyncio.gather(first, patient)
            return caught.value.retry_after

        assert serve(scenario, model, observer=log) == pytest.approx(1.0, abs=0.2)
        assert log.refusals == {"wait": 1}
