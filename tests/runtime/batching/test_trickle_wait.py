"""Calls that come some turns of the loop apart share a batch, where that has happened before."""

from modelbundle.runtime.batching.trial import RARELY
from modelbundle.runtime.batching.trickle_wait import LONGEST, QUIET, TrickleWait

TURN = 0.000004  # seconds of a turn of the loop


class Arriving:
    """A loop, its clock, and calls that come so many turns apart; `end` takes all that are here."""

    def __init__(self, apart=None):
        self.now = 0.0
        self.apart = apart  # None: each call is alone
        self.rows = self.turns = 0
        self._next = []
        self._wait = TrickleWait(lambda: self.now, lambda: self.rows, self._end)

    def call_soon(self, callback, *arguments):
        self._next.append((callback, arguments))

    def batch(self, alpha=TURN):
        """The rows of the next batch, and the turns for which the first one waited."""
        self.rows, self.turns, self.taken = 1, 0, None
        self._wait.wait(self, alpha)
        while self.taken is None:
            self.turns += 1
            self.now += TURN
            self.rows += bool(self.apart) and self.turns % self.apart == 0
            due, self._next = self._next, []
            for callback, arguments in due:
                callback(*arguments)
        assert not self._next
        return self.taken, self.turns

    def _end(self):
        self.taken = self.rows


def test_a_lone_caller_hardly_ever_waits():
    arriving = Arriving()
    turns = [arriving.batch()[1] for _ in range(1000)]
    assert sum(each > 3 for each in turns) <= 1000 // RARELY
    assert sorted(turns)[len(turns) // 2] == 2


def test_calls_that_come_turns_apart_are_waited_for_once_that_has_paid():
    arriving = Arriving(apart=QUIET // 2)
    rows = [arriving.batch()[0] for _ in range(200)]
    assert rows[0] == 1
    assert all(each > 5 for each in rows[-50:])


def test_calls_that_go_on_coming_are_not_waited_for_without_end():
    arriving = Arriving(apart=2)
    turns = [arriving.batch()[1] for _ in range(200)]
    assert max(turns) <= LONGEST / TURN + 1


def test_who_is_left_alone_waits_no_more():
    arriving = Arriving(apart=QUIET // 2)
    for _ in range(200):
        arriving.batch()
    arriving.apart = None
    turns = [arriving.batch()[1] for _ in range(500)]
    assert sum(each > 3 for each in turns) < 15


def test_what_others_take_is_waited_for_no_more():
    arriving = Arriving(apart=QUIET // 2)
    for _ in range(200):
        arriving.batch()
    arriving.apart = None
    arriving.call_soon(lambda: setattr(arriving, "rows", 0))
    rows, turns = arriving.batch()
    assert turns < QUIET
    assert rows == 0
