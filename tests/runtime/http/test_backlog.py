"""Answers that nobody reads do not fill the memory."""

from modelbundle.runtime.http.backlog import Backlog


class Waiting:
    """A transport that cannot send."""

    def __init__(self, size):
        self.size = size
        self.is_cut = False

    def get_write_buffer_size(self):
        return self.size

    def abort(self):
        self.is_cut = True


def test_who_has_waited_longest_is_cut_where_too_much_waits():
    backlog = Backlog(100)
    first, second, third = Waiting(40), Waiting(60), Waiting(30)
    for each in (first, second):
        backlog.note(each)
    assert not first.is_cut
    backlog.note(third)
    assert (first.is_cut, second.is_cut, third.is_cut) == (True, False, False)


def test_who_has_read_takes_no_room():
    backlog = Backlog(100)
    first, second = Waiting(90), Waiting(90)
    backlog.note(first)
    backlog.forget(first)
    backlog.forget(first)
    backlog.note(second)
    assert not second.is_cut


def test_what_is_said_to_one_who_waits_counts_as_well():
    backlog = Backlog(100)
    first = Waiting(50)
    backlog.note(first)
    first.size = 101
    backlog.note(first)
    assert first.is_cut
    second = Waiting(100)
    backlog.note(second)
    assert not second.is_cut
