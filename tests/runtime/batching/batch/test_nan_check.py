import asyncio

import numpy as np
import pytest

from modelbundle.runtime.batching.batch.nan_check import MOST_RETRIES, RETRY_EVERY
from modelbundle.runtime.batching.request import FutureRequest
from modelbundle.tests.runtime.batching.doubling import Grouped, ask, busy, outcomes, row, serve

POISON = -1.0


class Centered:
    """Subtracts the mean of a batch that holds poison, which has none; doubles other rows."""

    def __init__(self, model):
        self.model = model

    def __call__(self, batch):
        doubled = self.model(np.abs(batch))
        return doubled + (np.nan if (batch == POISON).any() else 0.0)


class Lacking(Centered):
    """Has no answer to poison, and one to every other row."""

    def __call__(self, batch):
        doubled = self.model(np.abs(batch))
        doubled[(batch == POISON).any(axis=1)] = np.nan
        return doubled


def asked(model, values, kind, **limits):
    """What a busy `model` says to rows of `values`, each another request."""

    async def scenario(batcher):
        first = await busy(batcher, model.model)
        answers = [ask(batcher, row(value), kind=kind) for value in values]
        model.model.gate.set()
        await first
        return await outcomes(answers)

    return serve(scenario, model, **limits)


class Rooted(Centered):
    """Doubles rows by way of a root, so that poison makes all answers of its batch complex."""

    def __call__(self, batch):
        doubled = self.model(np.abs(batch))
        return doubled + np.emath.sqrt(batch) - np.emath.sqrt(batch)


@pytest.mark.parametrize("kind", [FutureRequest, Grouped])
def test_one_row_that_makes_a_batch_complex_costs_only_its_own_answer(model, kind):
    said = asked(Rooted(model), [1, 2, POISON, 4], kind)

    assert [answer.dtype.kind for answer in said] == ["f", "f", "c", "f"]
    assert [answer.real.tolist() for answer in said] == [[[2.0 * n] * 2] for n in (1, 2, 1, 4)]


@pytest.mark.parametrize("kind", [FutureRequest, Grouped])
def test_one_row_that_spoils_a_batch_costs_only_its_own_answer(model, kind):
    values = [1, 2, 3, POISON, 5, 6, 7, 8]

    said = asked(Centered(model), values, kind)

    for value, answer in zip(values, said, strict=True):
        if value == POISON:
            assert np.isnan(answer).all()
        else:
            assert answer.tolist() == [[2.0 * value] * 2]


def test_a_row_without_an_answer_of_its_own_costs_no_call(model):
    said = asked(Lacking(model), [1, POISON, POISON, 4], Grouped)

    assert [bool(np.isnan(answer).any()) for answer in said] == [False, True, True, False]
    assert model.batches == [1, 4]


def test_what_may_not_run_twice_does_not(model):
    said = asked(Centered(model), [1, POISON], Grouped, idempotent=False)

    assert np.isnan(said).all()
    assert model.batches == [1, 2]


def test_rows_that_are_all_to_blame_are_seldom_tried_apart(model):
    both = Lacking(model)

    async def scenario(batcher):
        for _ in range(MOST_RETRIES + 2 * RETRY_EVERY):
            first = await busy(batcher, model)
            answers = [ask(batcher, row(POISON)) for _ in range(2)]
            model.gate.set()
            model.entered.clear()
            await asyncio.gather(first, *answers)

    serve(scenario, both)

    twos = model.batches.count(2)
    tried_apart = (len(model.batches) - 2 * twos) // 2
    assert twos == MOST_RETRIES + 2 * RETRY_EVERY
    assert MOST_RETRIES <= tried_apart <= MOST_RETRIES + 2
