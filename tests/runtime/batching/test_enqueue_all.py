"""Requests that come together: all are queued as one by one, or none is."""

import asyncio
from math import inf

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbundle.runtime.batching.batcher import Batcher
from modelbundle.runtime.batching.policy.window import Limits
from modelbundle.runtime.batching.request import FutureRequest
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.errors import RequestError
from modelbundle.tests.runtime.batching.doubling import Log


class Slow:
    """An executor that answers when it is told to."""

    is_ready = True

    def __init__(self):
        self.given = []

    def start(self, loop, on_ready):
        """There is nothing to start."""

    def submit(self, inputs, rows, done):
        self.given.append((np.concatenate(inputs), done))

    def answer(self):
        batch, done = self.given.pop(0)
        done(batch * 2, None)

    def stop(self):
        """There is nothing to stop."""

    def poll(self):
        """It answers when it is told to."""

    def kill(self, why):
        """It never hangs."""


def asked(rows, seconds, size, first):
    deadline = None if seconds == inf else asyncio.get_running_loop().time() + seconds
    return FutureRequest(np.arange(first, first + rows, dtype=float), rows, size, deadline)


async def outcome(batcher, requests, *, together):
    """What each request of a turn gets, and whether they were queued at once."""
    errors = {}
    at_once = together and batcher.enqueue_all(requests)
    if not at_once:
        for request in requests:
            try:
                batcher.enqueue(request)
            except RequestError as error:
                errors[request] = type(error)
    return [errors.get(request) for request in requests], at_once


SIZES = st.lists(
    st.tuples(st.integers(1, 5), st.sampled_from([inf, 30.0, 0.0, -1.0]), st.integers(0, 40)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60)
@given(
    turns=st.lists(SIZES, min_size=1, max_size=4),
    limits=st.sampled_from([
        Limits(),
        Limits(max_queue_rows=8),
        Limits(max_queue_bytes=60),
        Limits(max_batch_size=3),
        Limits(mergeable=False),
        Limits(priorities=True),
    ]),
)  # fmt: skip
def test_together_is_one_by_one(turns, limits):
    async def scenario(*, together):
        executor, log = Slow(), Log()
        batcher = Batcher(executor, table, limits, observer=log)
        await batcher.start()
        told, requests, first = [], [], 0
        for turn in turns:
            these = []
            for rows, seconds, size in turn:
                these.append(asked(rows, seconds, size, first))
                first += rows
            errors, _ = await outcome(batcher, these, together=together)
            told.append((errors, batcher.backlog.rows, batcher.backlog.bytes))
            requests += these
        while executor.given or batcher.backlog.rows:
            await asyncio.sleep(0)
            while executor.given:
                executor.answer()
        answers = [
            each.future.result().tolist()
            if each.future.done() and not each.future.exception()
            else None
            for each in requests
        ]
        await batcher.stop()
        return told, answers, log.refusals

    one_by_one = asyncio.run(scenario(together=False))
    assert asyncio.run(scenario(together=True)) == one_by_one


def test_what_is_plain_is_queued_at_once():
    async def scenario():
        executor = Slow()
        batcher = Batcher(executor, table, Limits())
        await batcher.start()
        _, at_once = await outcome(batcher, [asked(1, 30.0, 8, n) for n in range(9)], together=True)
        assert at_once
        assert batcher.backlog.rows == 9
        batcher_stopped = batcher.stop()
        await asyncio.sleep(0)
        assert len(executor.given[0][0]) == 9
        executor.answer()
        await batcher_stopped

    asyncio.run(scenario())


def test_a_stopped_batcher_takes_none():
    async def scenario():
        batcher = Batcher(Slow(), table, Limits())
        assert not batcher.enqueue_all([asked(1, inf, 8, 0)])
        assert batcher.backlog.rows == 0

    asyncio.run(scenario())


class Eager(Slow):
    """An executor that has run its batch whenever it is asked."""

    def poll(self):
        self.answer()


def test_polled_a_batch_begins_and_the_next_within_one_turn_of_the_loop():
    async def scenario():
        executor = Eager()
        batcher = Batcher(executor, table, Limits(max_batch_size=2))
        await batcher.start()
        requests = [asked(1, inf, 0, first) for first in range(5)]
        batcher.enqueue_all(requests)
        assert not executor.given  # before this turn has ended
        for answered in (2, 4, 5):
            batcher.poll()
            assert sum(request.future.done() for request in requests) == answered
        assert [request.future.result().tolist() for request in requests] == [
            [0.0], [2.0], [4.0], [6.0], [8.0],
        ]  # fmt: skip
        batcher.poll()  # of nothing
        await batcher.stop()

    asyncio.run(scenario())
