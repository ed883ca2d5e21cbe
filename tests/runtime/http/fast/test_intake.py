"""Requests that came together: begun with a few at a time, between which models are asked."""

import asyncio

from modelbundle.runtime.http.fast.intake import AT_ONCE, TOGETHER, Intake


class Request:
    """As much of one as is looked at."""

    def __init__(self, size=50):
        self.size = size


class Noting(Intake):
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


def turns(sizes):
    """The sizes of the bodies that are begun with in each turn."""

    class Sizing(Noting):
        def _take(self, arrived):
            self.done.append([request.size for request in arrived])

    async def scenario():
        arrivals = Sizing()
        for size in sizes:
            arrivals.arrived(Request(size))
        taken = []
        for _ in range(2 * len(sizes)):
            await asyncio.sleep(0)
            taken.append([each for each in arrivals.done if isinstance(each, list)])
            arrivals.done.clear()
        return [each for each in taken if each]

    return asyncio.run(scenario())


def test_the_loop_has_its_turn_after_as_many_bytes_as_are_read_at_once_and_nobody_is_lost():
    half = AT_ONCE // 2
    assert turns([half] * 5) == [[[half, half]], [[half, half]], [[half]]]
    assert turns([1, AT_ONCE, 1]) == [[[1]], [[AT_ONCE]], [[1]]]


def test_a_body_that_is_larger_than_that_has_a_turn_of_its_own():
    assert turns([2 * AT_ONCE, 1, 2]) == [[[2 * AT_ONCE]], [[1, 2]]]
