"""Answers that nobody reads do not fill the memory, and do not keep a connection open for ever."""

import asyncio

from modelbundle.runtime.http.backlog import Backlog

LONG = 3600.0  # seconds


class Waiting:
    """A transport that cannot send."""

    def __init__(self, size):
        self.size = size
        self.cut = asyncio.Event()

    @property
    def is_cut(self):
        return self.cut.is_set()

    def get_write_buffer_size(self):
        return self.size

    def abort(self):
        self.cut.set()


def test_who_has_waited_longest_is_cut_where_too_much_waits():
    async def scenario():
        backlog = Backlog(100, LONG)
        first, second, third = Waiting(40), Waiting(60), Waiting(30)
        for each in (first, second):
            backlog.note(each)
        assert not first.is_cut
        backlog.note(third)
        assert (first.is_cut, second.is_cut, third.is_cut) == (True, False, False)

    asyncio.run(scenario())


def test_who_has_read_takes_no_room():
    async def scenario():
        backlog = Backlog(100, LONG)
        first, second = Waiting(90), Waiting(90)
        backlog.note(first)
        backlog.forget(first)
        backlog.forget(first)
        backlog.note(second)
        assert not second.is_cut

    asyncio.run(scenario())


def test_what_is_said_to_one_who_waits_counts_as_well():
    async def scenario():
        backlog = Backlog(100, LONG)
        first = Waiting(50)
        backlog.note(first)
        first.size = 101
        backlog.note(first)
        assert first.is_cut
        second = Waiting(100)
        backlog.note(second)
        assert not second.is_cut

    asyncio.run(scenario())


def test_who_has_not_read_for_too_long_is_cut_and_who_has_read_in_between_is_not():
    async def scenario():
        backlog = Backlog(100, 0.05)
        reader, other = Waiting(10), Waiting(10)
        backlog.note(reader)
        backlog.forget(reader)
        backlog.note(other)
        backlog.note(other)  # which does not begin anew
        await other.cut.wait()
        assert not reader.is_cut

    asyncio.run(asyncio.wait_for(scenario(), 60))
