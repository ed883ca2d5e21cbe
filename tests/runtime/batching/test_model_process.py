"""The batcher with real model processes that crash and hang."""

import asyncio
import faulthandler
import logging
import os
import signal
import time

import pytest

from modelbundle.runtime.batching.batcher import Batcher
from modelbundle.runtime.batching.policy.window import Limits
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.errors import DeadlineExceeded, ModelDied
from modelbundle.runtime.manifests.signature import Field, Side
from modelbundle.tests.runtime.batching.doubling import answered, ask, outcomes, row
from modelbundle.tests.runtime.remote.conftest import Nursery

CRASH, HANG = -1.0, -2.0
INPUTS = Side("array", (Field("x", "float64", (None, 2)),))


def call(method, batch):
    """Double the rows, if nothing worse happens. In the model's process."""
    if (batch == CRASH).any():
        faulthandler.disable()  # a crash is what is wanted
        os.kill(os.getpid(), signal.SIGSEGV)
    if (batch == HANG).any():
        time.sleep(1000)
    return batch * 2


class Wards:
    """Model processes, each replaced as soon as it has died."""

    def __init__(self, count):
        self.nurseries = [Nursery(call) for _ in range(count)]
        self.deaths = 0

    async def __aenter__(self):
        self.executors = [each.link.executor("predict", INPUTS) for each in self.nurseries]
        for each in self.nurseries:
            each.fork()
        self.keepers = [asyncio.ensure_future(self.keep(each)) for each in self.nurseries]
        return self

    async def keep(self, nursery):
        while True:
            pidfd = os.pidfd_open(nursery.pid)
            loop = asyncio.get_running_loop()
            gone = loop.create_future()
            loop.add_reader(pidfd, gone.set_result, None)
            try:
                await gone
            finally:
                loop.remove_reader(pidfd)
                os.close(pidfd)
            await nursery.bury()
            self.deaths += 1
            nursery.fork()

    async def __aexit__(self, *_):
        for keeper in self.keepers:
            keeper.cancel()
        await asyncio.gather(*self.keepers, return_exceptions=True)
        for each in self.nurseries:
            each.close()


def serve(scenario, count=1, **limits):
    async def main():
        async with Wards(count) as wards:
            batcher = Batcher(wards.executors, table, Limits(**limits))
            await batcher.start()
            try:
                for each in wards.nurseries:
                    await each.ready()
                await batcher.warm_up(row(1))
                return await asyncio.wait_for(scenario(batcher), 60), wards.deaths
            finally:
                await batcher.stop(drain=False)

    return asyncio.run(main())


@pytest.fixture(autouse=True)
def _quiet(caplog):
    caplog.set_level(logging.CRITICAL, logger="modelbundle.runtime")


def check(results, rows, error):
    """Everybody has an answer of its own, but for those that are not numbers."""
    for value, result in zip(rows, results, strict=True):
        if value < 0:
            assert isinstance(result, error)
        else:
            assert result.tolist() == answered(value)


@pytest.mark.parametrize("count", [1, 2])
def test_one_crash_in_32_costs_its_own_request(count):
    rows = [*range(10), CRASH, *range(10, 31)]

    results, deaths = serve(lambda b: outcomes([ask(b, row(value)) for value in rows]), count)

    check(results, rows, ModelDied)
    assert deaths == 2


def test_a_hang_is_ended_and_its_mates_are_answered():
    rows = [1, 2, HANG, 3]

    results, deaths = serve(lambda b: outcomes([ask(b, row(value)) for value in rows]), hang=0.9)

    check(results, rows, DeadlineExceeded)
    assert deaths == 2


def test_a_process_that_is_killed_from_outside_while_it_idles_costs_nothing():
    async def scenario(batcher):
        assert (await ask(batcher, row(1))).tolist() == answered(1)
        executor = next(iter(batcher._slots)).executor
        os.kill(executor._link.ready.pid, signal.SIGKILL)
        return [(await ask(batcher, row(n))).tolist() for n in range(20)]

    results, _ = serve(scenario)

    assert results == [answered(n) for n in range(20)]


def test_many_crashes_under_load_lose_nothing_and_mix_up_nothing():
    rows = [CRASH if n % 50 == 7 else n for n in range(200)]

    async def scenario(batcher):
        asked = []
        for position, value in enumerate(rows):
            asked.append(ask(batcher, row(value)))
            if position % 20 == 0:
                await asyncio.sleep(0.001)
        return await outcomes(asked)

    results, _ = serve(scenario, count=2)

    check(results, rows, ModelDied)
