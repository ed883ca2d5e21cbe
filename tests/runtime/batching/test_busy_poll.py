"""The loop is kept turning where the next request comes at once, and hardly ever elsewhere."""

from modelbundle.runtime.batching.busy_poll import MOST, BusyPoll
from modelbundle.runtime.batching.trial import RARELY

TURN = 0.000004  # seconds of a turn of the loop


class Turning:
    """A loop and its clock; a request is there from the moment `due` on."""

    def __init__(self):
        self.now = 0.0
        self.due = float("inf")
        self.turns = 0
        self._next = None

    def call_soon(self, callback):
        self._next = callback

    def idle(self, poll, comes_after, answered=1):
        """The seconds that the loop was kept turning."""
        began, self.due = self.now, self.now + comes_after
        poll.begin(self, answered)
        while self._next is not None:
            callback, self._next = self._next, None
            self.turns += 1
            self.now += TURN
            callback()
        return self.now - began


def idle_moments(*returns):
    loop = Turning()
    poll = BusyPoll(lambda: loop.now, lambda: loop.now >= loop.due)
    return [loop.idle(poll, each) for each in returns], poll, loop


def test_it_ends_with_the_request():
    kept, poll, _ = idle_moments(*[0.00003] * 20)
    assert all(0.00003 <= each <= 0.00003 + 2 * TURN for each in kept)
    assert poll.trial.pause == 0


def test_it_ends_after_a_moment_without_one():
    (kept,), poll, _ = idle_moments(1.0)
    assert MOST <= kept <= MOST + 2 * TURN
    assert poll.trial.pause == 1


def test_who_seldom_comes_at_once_is_seldom_waited_for():
    kept, poll, _ = idle_moments(*[1.0] * 2000)
    assert poll.trial.pause == RARELY
    assert sum(each > 0 for each in kept) < 2000 / RARELY + 10


def test_it_is_tried_again_until_it_pays():
    kept, poll, _ = idle_moments(*[1.0] * 200, *[0.00003] * 1000)
    assert poll.trial.pause == 0
    assert all(kept[-100:])


def test_what_is_there_already_is_not_waited_for():
    (kept,), poll, loop = idle_moments(0.0)
    assert (kept, loop.turns, poll.trial.pause) == (0.0, 0, 0)


def test_clients_that_were_answered_together_are_not_parted():
    _, poll, loop = idle_moments(*[0.00003] * 20)
    assert loop.idle(poll, 0.00003, answered=2) == 0.0
    assert poll.trial.pause == RARELY
