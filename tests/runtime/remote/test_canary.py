"""A model that a request has broken is replaced; one that only fails on its requests is not."""

import asyncio
import multiprocessing

import numpy as np
import pytest

from modelbundle.runtime.errors import InvalidInput, ModelDied
from modelbundle.runtime.manifests.signature import Field, Side
from modelbundle.runtime.models.canary import FAILURES

from .conftest import ask

MATRIX = Side("array", (Field("input", "float64", (None, 2)),))
BREAKING, FAILING, REFUSED, BREAKING_LONE = -1.0, -2.0, -3.0, -4.0
broken = []
fives = multiprocessing.Value("i", 0)  # how often the model was asked about a row of 5


def model(method, batch):
    """Doubles its rows where they stand; -1 breaks the process, not its own answer."""
    first = batch[0, 0]
    if len(batch) in broken or first == FAILING:
        raise ValueError("it fails")
    if first == REFUSED:
        raise InvalidInput("not this one")
    if first == BREAKING:
        broken.extend([1, 2])
    if first == BREAKING_LONE:
        broken.append(1)
    if first == 5:
        fives.value += 1
        assert batch[0, 1] == 1, "the rows that were kept are not those that came"
    batch *= 2
    return batch[:, 0]


def row(first):
    return np.array([[first, 1.0]])


def serve(nursery, scenario):
    async def main():
        here = nursery(model)
        predict = here.link.executor("predict", MATRIX)
        predict.start(asyncio.get_running_loop(), lambda: None)
        here.fork()
        await here.ready()
        await scenario(here, predict)

    asyncio.run(main())


@pytest.mark.parametrize("first", [BREAKING, BREAKING_LONE])
def test_a_model_that_fails_on_what_it_has_answered_is_replaced(nursery, first):
    """Each failure is answered; the process ends after the last one."""

    async def scenario(here, predict):
        await ask(predict, [row(5), row(5)], 2)
        assert (await ask(predict, [row(5)], 1)).tolist() == [10.0]
        await ask(predict, [row(first)], 1)
        for _ in range(FAILURES):
            with pytest.raises(Exception, match="it fails"):
                await ask(predict, [row(7)], 1)
        await asyncio.wait_for(here.bury(), 90)
        here.fork()
        assert (await ask(predict, [row(7)], 1)).tolist() == [14.0]

    serve(nursery, scenario)


@pytest.mark.parametrize("first", [FAILING, REFUSED])
def test_a_model_that_fails_on_its_requests_lives_on(nursery, first):
    """It is asked what it has answered, as it came, and that it can answer."""

    async def scenario(here, predict):
        assert (await ask(predict, [row(5)], 1)).tolist() == [10.0]
        for _ in range(3 * FAILURES):
            with pytest.raises(Exception, match=r"it fails|not this one"):
                await ask(predict, [row(first)], 1)
        assert (await ask(predict, [row(6)], 1)).tolist() == [12.0]
        assert here.generation == 1

    serve(nursery, scenario)


def test_bad_rows_cost_ever_fewer_calls_of_a_sound_model(nursery):
    """The checks come after 3, 6, 12 and 24 failures."""

    async def scenario(here, predict):
        fives.value = 0
        await ask(predict, [row(5)], 1)
        for _ in range(FAILURES * (1 + 2 + 4 + 8)):
            with pytest.raises(Exception, match="it fails"):
                await ask(predict, [row(FAILING)], 1)
        await ask(predict, [row(6)], 1)
        assert fives.value == 1 + 4

    serve(nursery, scenario)


def test_a_model_that_never_answered_is_not_replaced(nursery):
    """Nothing is known that it could answer: another process would do no better."""

    async def scenario(here, predict):
        for _ in range(2 * FAILURES):
            with pytest.raises(Exception, match="it fails"):
                await ask(predict, [row(FAILING)], 1)
        assert (await ask(predict, [row(1)], 1)).tolist() == [2.0]

    serve(nursery, scenario)


def test_a_request_that_was_sent_to_a_broken_model_can_be_tried_again(nursery):
    """It had not begun: it fails as with any process that has died."""

    async def scenario(here, predict):
        await ask(predict, [row(5)], 1)
        await ask(predict, [row(BREAKING)], 1)
        for _ in range(FAILURES):
            with pytest.raises(Exception, match="it fails"):
                await ask(predict, [row(7)], 1)
        late = asyncio.ensure_future(ask(predict, [row(8)], 1))
        await asyncio.wait_for(here.bury(), 90)
        with pytest.raises(ModelDied):
            await late

    serve(nursery, scenario)
