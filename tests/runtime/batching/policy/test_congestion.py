"""How many calls there is time for, learned from services of several kinds in simulated time."""

import asyncio
from collections import Counter

import pytest

from modelbundle.runtime.batching.policy.congestion import MEMORY, Congestion
from modelbundle.tests.runtime.batching.simulation import simulate

SLACK = 1.0  # seconds that each call has


class Clients:
    """Call a service in open loop, and count what becomes of it."""

    def __init__(self, loop, service):
        self.loop = loop
        self.service = service
        self.congestion = Congestion()
        self.counts = Counter()
        self.patience = SLACK
        self.slack = SLACK

    async def call(self):
        began = self.loop.time()
        if self.congestion.wait(self.slack, began):
            self.counts["refused"] += 1
            return
        call = self.congestion.begin(self.slack, began)
        try:
            async with asyncio.timeout(self.patience):
                await self.service()
        except TimeoutError:
            self.counts["late"] += 1
            self.congestion.given_up(call, self.loop.time())
        else:
            self.counts["good"] += 1
            self.congestion.answered(call, self.loop.time())

    async def come(self, rate, seconds):
        """So many calls a second; what became of them."""
        self.counts.clear()
        calls = []
        for _ in range(int(rate * seconds)):
            calls.append(self.loop.create_task(self.call()))
            if rate != float("inf"):
                await asyncio.sleep(1 / rate)
        await asyncio.gather(*calls)
        return dict(self.counts)

    async def burst(self, calls):
        """All of them at once."""
        self.counts.clear()
        await asyncio.gather(*(self.call() for _ in range(calls)))
        return dict(self.counts)


def pool(places, seconds):
    """Calls that share so many places: connections of a database, or one core."""

    def make():
        semaphore = asyncio.Semaphore(places)

        async def service():
            async with semaphore:
                await asyncio.sleep(seconds)

        return service

    return make


def far_away(seconds):
    """Calls that do not mind one another."""

    def make():
        return lambda: asyncio.sleep(seconds)

    return make


def ran(make, scenario):
    return simulate(lambda loop: scenario(Clients(loop, make())))


@pytest.mark.parametrize("make", [pool(8, 0.1), pool(1, 0.0125)], ids=["pool", "core"])
@pytest.mark.parametrize("times", [2, 10])
def test_overload_keeps_its_goodput(make, times):
    async def scenario(clients):
        await clients.come(60, 2)
        await clients.come(80 * times, 3)  # it is learned
        return await clients.come(80 * times, 2)

    counts = ran(make, scenario)
    assert counts["good"] >= 0.9 * 80 * 2
    assert counts.get("late", 0) <= 0.02 * counts["good"]
    assert counts["refused"]


def test_the_first_overload_ever_costs_less_than_a_second_of_goodput():
    async def scenario(clients):
        await clients.come(60, 2)
        return await clients.come(800, 5)

    assert ran(pool(8, 0.1), scenario)["good"] >= 80 * 4


@pytest.mark.parametrize("make", [pool(8, 0.1), pool(1, 0.0125)], ids=["pool", "core"])
def test_clients_that_leave_before_their_deadline_are_answered_while_they_are_here(make):
    async def scenario(clients):
        clients.slack = 30.0
        await clients.come(60, 2)
        await clients.come(400, 6)  # it is learned
        return await clients.come(400, 2)

    assert ran(make, scenario)["good"] >= 0.9 * 80 * 2


def test_clients_that_leave_now_and_then_hurry_nobody():
    congestion = Congestion()
    for _ in range(50):
        first, *others = calls(congestion, 10, slack=30.0)
        for other in others:
            congestion.answered(other, 0.1)
        congestion.given_up(first, 0.2)
    calls(congestion, 1000)
    assert congestion.wait(30.0, 0.2) == 0.0


def test_calls_that_do_not_mind_one_another_are_never_refused():
    async def scenario(clients):
        few = await clients.come(20, 2)
        many = await clients.come(1000, 1)
        return few, many, await clients.burst(1000)

    assert ran(far_away(0.1), scenario) == ({"good": 40}, {"good": 1000}, {"good": 1000})


def test_a_lone_burst_is_not_refused_for_nothing():
    async def scenario(clients):
        first = await clients.burst(56)  # at the very start
        await clients.come(40, 5)
        return first, await clients.burst(56)

    assert ran(pool(8, 0.1), scenario) == ({"good": 56}, {"good": 56})


def test_after_an_overload_all_are_answered_again():
    async def scenario(clients):
        await clients.come(400, 4)
        await clients.come(40, 1)
        return await clients.come(60, 4)

    assert ran(pool(8, 0.1), scenario) == {"good": 240}


def test_a_service_that_becomes_faster_is_asked_more():
    async def scenario(clients):
        places = asyncio.Semaphore(8)

        async def shared():
            async with places:
                await asyncio.sleep(0.1)

        clients.service = shared
        await clients.come(400, 4)
        clients.service = lambda: asyncio.sleep(0.1)
        await clients.come(400, 2)
        return await clients.come(400, 2)

    assert ran(pool(8, 0.1), scenario) == {"good": 800}


def test_a_service_that_hangs_is_tried_again_and_again():
    async def scenario(clients):
        quick, clients.service = clients.service, lambda: asyncio.sleep(1e9)
        hung = await clients.come(100, 8)
        clients.service = quick
        await clients.come(40, 3)
        return hung, await clients.come(40, 2)

    hung, after = ran(pool(8, 0.1), scenario)
    assert "good" not in hung
    assert hung["late"] > 8  # none is refused while nobody is there
    assert after == {"good": 80}


def calls(congestion, count=1, slack=SLACK, now=0.0):
    return [congestion.begin(slack, now) for _ in range(count)]


def test_a_lone_call_is_always_tried():
    congestion = Congestion()
    for call in calls(congestion, 100):
        congestion.given_up(call, 1.0)
    assert congestion.wait(0.001, 1.0) == 0.0
    calls(congestion)
    assert congestion.wait(0.001, 1.0)


def test_who_leaves_sooner_than_anybody_is_answered_says_nothing():
    congestion = Congestion()
    for _ in range(100):
        first, *others = calls(congestion, 4)
        congestion.answered(first, 0.1)
        for other in others:
            congestion.given_up(other, 0.001)
    calls(congestion, 1000)
    assert congestion.wait(1.0, 0.0) == 0.0


def test_a_call_now_and_then_that_never_ends_is_its_own_fault():
    congestion = Congestion()
    for _ in range(20):
        first, *others = calls(congestion, 10)
        for other in others:
            congestion.answered(other, 0.1)
        congestion.given_up(first, 1.0)
    calls(congestion, 1000)
    assert congestion.wait(1.0, 0.0) == 0.0


def test_what_was_learned_long_ago_refuses_nobody():
    congestion = Congestion()
    for call in calls(congestion, 100):
        congestion.given_up(call, 1.0)
    calls(congestion, 9)
    assert congestion.wait(1.0, MEMORY) == pytest.approx(10.0)
    assert congestion.wait(1.0, 2 * MEMORY + 1.0) == 0.0
