"""The calls of a front: nobody is lost, passed, or run twice who must not be."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.errors import Overloaded, ServiceDied
from modelbundle.runtime.models.operation import Call
from modelbundle.runtime.rpc.call_queue import CallQueue
from modelbundle.runtime.rpc.pending_call import PendingCall

MOST = 3
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "ask once", "take", "answer", "leave", "die"]),
        st.integers(0, 7),
    ),
    max_size=30,
)


class Front:
    """Does with a queue what a link does, and notes what became of whom."""

    def __init__(self):
        self.queue = CallQueue(MOST)
        self.number = 0
        self.calls = []
        self.there = []
        self.taken = 0  # of those that are there, as many as the process has taken up
        self.times = {}  # that each call was taken up

    def ask(self, *, is_idempotent):
        call = Call(b"", "text/plain", "", time.monotonic() + 60)
        pending = PendingCall(0, call, is_idempotent=is_idempotent)
        try:
            if self.queue.is_idle and len(self.there) < 2:
                self.send(pending)
            else:
                self.queue.wait(pending)
        except Overloaded:
            return
        self.calls.append(pending)

    def send(self, pending):
        assert not pending.is_over, "nobody waits for it"
        assert not any(each.is_retried for each in self.there), "it is tried alone"
        assert not (pending.is_retried and self.there), "it is tried alone"
        self.number = pending.number = self.number + 1
        self.queue.sent(pending)
        self.there.append(pending)

    def go_on(self):
        while len(self.there) < 2 and (pending := self.queue.next()) is not None:
            self.send(pending)

    def take(self):
        if self.taken < len(self.there):
            pending = self.there[self.taken]
            self.times[pending] = self.times.get(pending, 0) + 1
            self.taken += 1

    def answer(self, which):
        if self.taken:
            pending = self.there.pop(which % self.taken)
            self.taken -= 1
            assert self.queue.find(pending.number) is pending
            pending.succeed(None)
            self.queue.finish(pending)

    def leave(self, which):
        if self.calls:
            pending = self.calls[which % len(self.calls)]
            if not pending.is_over:
                is_there = pending in self.there
                assert self.queue.drop(pending) == is_there
                if is_there:
                    self.taken -= self.there.index(pending) < self.taken
                    self.there.remove(pending)

    def die(self):
        last = self.there[self.taken - 1].number if self.taken else 0
        lost = self.queue.died(last)
        assert lost == self.there[: self.taken]
        for pending in lost:
            assert pending.is_over == (not pending.is_idempotent or self.times[pending] == 2)
        self.there, self.taken = [], 0


@given(STEPS)
def test_every_call_comes_to_one_end(steps):
    async def scenario():
        front = Front()
        for what, which in steps:
            match what:
                case "ask" | "ask once":
                    front.ask(is_idempotent=what == "ask")
                case "take" | "die":
                    getattr(front, what)()
                case _:
                    getattr(front, what)(which)
            assert front.queue.is_awaited == bool(front.there)
            unanswered = [pending for pending in front.calls if not pending.is_over]
            assert set(front.queue.unanswered()) == set(unanswered)
            front.go_on()
        while front.there:
            front.take()
            front.answer(0)
            front.go_on()
        assert front.queue.is_idle
        for pending in front.calls:
            assert pending.is_over
            assert front.times.get(pending, 0) <= 1 + pending.is_idempotent
            if not pending.answer.cancelled():
                error = pending.answer.exception()
                assert error is None or isinstance(error, ServiceDied)

    asyncio.run(scenario())


def test_whoever_came_first_goes_first_also_after_a_death():
    async def scenario():
        front = Front()
        for _ in range(5):
            front.ask(is_idempotent=True)
        front.die()
        front.go_on()
        assert front.there == front.calls[:2]
        with pytest.raises(Overloaded) as refused:
            front.queue.wait(front.calls[0])
        assert refused.value.retry_after == 1

    asyncio.run(scenario())


def test_nobody_overtakes_those_who_wait_and_who_has_gone_waits_no_more():
    async def scenario():
        front = Front()
        for _ in range(2 + MOST):
            front.ask(is_idempotent=True)
        assert not front.queue.is_idle
        front.queue.drop(front.calls[3])
        assert front.queue.drop(front.calls[0]), "it is running"
        front.there.remove(front.calls[0])
        front.ask(is_idempotent=True)
        assert front.there == front.calls[1:2], "there is room, but it is not the first"
        assert len(front.calls) == 2 + MOST + 1, "in the place of one who has gone"
        front.go_on()
        assert front.there == front.calls[1:3]

    asyncio.run(scenario())


def test_nobody_overtakes_those_who_are_to_be_tried_again():
    async def scenario():
        front = Front()
        front.ask(is_idempotent=True)
        front.take()
        assert front.queue.is_idle
        front.die()
        assert not front.queue.is_idle, "before it is sent"
        front.go_on()
        assert not front.queue.is_idle, "and while it is tried"
        front.take()
        front.answer(0)
        assert front.queue.is_idle

    asyncio.run(scenario())


def test_one_that_was_to_be_tried_alone_is_so_by_the_next_process():
    """The one that should have tried it died before it began."""

    async def scenario():
        front = Front()
        for _ in range(2):
            front.ask(is_idempotent=True)
        front.take()
        for _ in range(2):
            front.die()
            front.go_on()
            assert front.there == front.calls[:1]
        front.take()
        front.die()
        front.go_on()
        assert front.calls[0].is_over
        assert front.there == front.calls[1:]

    asyncio.run(scenario())


def test_one_that_is_tried_alone_keeps_waiting_whom_it_does():
    async def scenario():
        front = Front()
        for _ in range(2):
            front.ask(is_idempotent=True)
            front.take()
        guilty, mate = front.calls
        assert front.queue.keeps_waiting(guilty) is None
        front.die()
        front.go_on()
        assert front.there == [guilty]
        assert front.queue.keeps_waiting(guilty) is True
        assert front.queue.keeps_waiting(mate) is None
        front.leave(1)
        assert front.queue.keeps_waiting(guilty) is False
        front.take()
        front.answer(0)
        assert front.queue.keeps_waiting(guilty) is None

    asyncio.run(scenario())
