import asyncio
import time

import pytest

from modelbundle.runtime.batching.observer import NullObserver
from modelbundle.runtime.data.payload import Payload
from modelbundle.runtime.errors import DeadlineExceeded, InvalidInput, Overloaded, PredictionFailed
from modelbundle.runtime.manifests.route import Route
from modelbundle.runtime.models.operation import Call
from modelbundle.runtime.services.admitted_operation import AdmittedOperation, admitted
from modelbundle.tests.runtime.batching.doubling import Log


def call(seconds=0.2):
    return Call(b"{}", "application/json", "", time.monotonic() + seconds)


async def late(asked):
    """As an API whose calls all wait for something that never comes."""
    await asyncio.sleep(asked.deadline - time.monotonic())
    raise DeadlineExceeded("Too late.")


def test_who_would_be_too_late_is_refused_at_once_and_told_when_to_come_back():
    log = Log()

    async def main():
        admitted = AdmittedOperation(late, log)
        await asyncio.gather(*(admitted(call()) for _ in range(40)), return_exceptions=True)
        there = asyncio.ensure_future(admitted(call(30)))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as refused:
            await admitted(call())
        there.cancel()
        await asyncio.wait([there])
        return refused.value.retry_after

    assert asyncio.run(main()) > 0
    assert log.refusals == {"wait": 1}


@pytest.mark.parametrize(
    "end", [InvalidInput("no"), PredictionFailed(), RuntimeError(), asyncio.CancelledError()]
)
def test_whatever_ends_a_call_it_is_here_no_more(end):
    async def fails(asked):
        if is_late:
            await late(asked)
        raise end

    is_late = False

    async def main():
        nonlocal is_late
        admitted = AdmittedOperation(fails, NullObserver())
        with pytest.raises(type(end)):
            await admitted(call())
        is_late = True
        await asyncio.gather(*(admitted(call()) for _ in range(40)), return_exceptions=True)
        with pytest.raises(DeadlineExceeded):  # alone, so it is tried
            await admitted(call())

    asyncio.run(main())


def test_an_answer_is_handed_on():
    async def answers(_):
        return Payload(b"1", "application/json")

    assert asyncio.run(AdmittedOperation(answers, NullObserver())(call())).body == b"1"


def test_what_has_a_batcher_is_left_as_it_is():
    routes = [
        Route("/plain", "plain", service="Shop", batchable=False),
        Route("/rows", "rows", service="Shop", batchable=True),
        Route("/predict", "predict", model="iris", batchable=False),
    ]
    found = admitted({route.path: late for route in routes}, routes, lambda _: NullObserver())
    assert [each is late for each in found.values()] == [False, True, True]
