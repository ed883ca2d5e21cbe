import asyncio
from math import inf

from modelbundle.runtime.batching.deadline_timer import PAUSE, DeadlineTimer
from modelbundle.tests.runtime.batching.simulation import simulate


def rings(until, *deadlines, answers=()):
    """When an timer set to each of `deadlines` rings, if it is answered with `answers`."""
    heard = []
    following = iter(answers)

    async def main(loop):
        def ring(now):
            heard.append(now)
            return next(following, inf)

        timer = DeadlineTimer(loop.time, ring)
        for deadline in deadlines:
            if deadline < timer.at:
                timer.set(loop, deadline)
        await asyncio.sleep(until)

    simulate(main)
    return heard


def test_it_rings_once_at_the_earliest_deadline():
    assert rings(10, 5.0, 2.0, 7.0) == [2.0]


def test_it_rings_again_when_told_to():
    assert rings(10, 2.0, answers=[5.0]) == [2.0, 5.0]


def test_deadlines_close_together_are_one_ring():
    assert rings(10, 2.0, answers=[2.0001]) == [2.0, 2.0 + PAUSE]


def test_a_canceled_alarm_is_silent():
    heard = []

    async def main(loop):
        timer = DeadlineTimer(loop.time, heard.append)
        timer.set(loop, 1.0)
        timer.cancel()
        await asyncio.sleep(2.0)

    simulate(main)

    assert heard == []
