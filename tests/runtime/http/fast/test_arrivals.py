"""Requests that came together: begun with a few at a time, between which models are asked."""

import asyncio

from modelbundle.runtime.http.fast.arrivals import TOGETHER, Arrivals


class Request:
    """As much of one as is looked at."""

    size = 50


class Noting(Arrivals):
    """Notes what is done, and when the loop turns."""

    def __init__(self):
        super().__init__(self)
        self.done = []

    def began(self, requests):
        """As the tracker is told."""
        self.done.append(f"{requests} began")

    def _take(self, arrived):
        self.done.append(len(arrived))

    def _poll(self):
        self.done.append("poll")


def took(requests):
    """What is done in the turn after that in which so many requests came."""

    async def scenario():
        arrivals = Noting()
        for _ in range(requests):
            arrivals.arrived(Request())
        assert not arrivals.done
        await asyncio.sleep(0)
        return arrivals.done

    return asyncio.run(scenario())


def test_a_few_are_taken_at_once():
    assert took(TOGETHER) == [f"{TOGETHER} began", TOGETHER]


def test_among_many_the_models_go_on():
    many = 2 * TOGETHER + 5
    assert took(many) == [f"{many} began", TOGETHER, "poll", TOGETHER, "poll", 5, "poll"]
