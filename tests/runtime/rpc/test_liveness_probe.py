"""When a loop that says nothing is given up, in simulated time."""

import asyncio

import pytest

from modelbundle.runtime.rpc.liveness_probe import PERIOD, LivenessProbe


class Probed:
    is_awaited = True

    def __init__(self, usual):
        self.usual = usual
        self.pings = 0
        self.why = []

    def ping(self):
        self.pings += 1

    def stopped(self, why):
        self.why.append(why)


class Loop:
    """Time passes from one timer to the next."""

    def __init__(self):
        self.now = 100.0
        self.calls = []

    def call_later(self, delay, call, *args):
        handle = asyncio.TimerHandle(self.now + delay, call, args, self)
        self.calls.append(handle)
        return handle

    def get_debug(self):
        return False

    def _timer_handle_cancelled(self, handle):
        pass

    def turn(self, late=0.0):
        handle = self.calls.pop()
        self.now = handle.when() + late
        handle._run()


@pytest.mark.parametrize(
    ("usual", "is_overdue", "seconds"),
    [
        (0.0, True, 30.0),
        (0.0, False, 30.0),
        (0.01, True, 1.2),
        (0.01, False, 5.0),
        (0.5, True, 11.0),
    ],
)
def test_how_long_a_silent_loop_is_waited_for(usual, is_overdue, seconds):
    loop, probed = Loop(), Probed(usual)
    probe = LivenessProbe(probed, 30.0, lambda: loop.now)
    probe.begin(loop)
    if is_overdue:
        probe.overdue()
    while loop.calls:
        loop.turn()
    assert len(probed.why) == 1
    assert seconds < loop.now - 100 - PERIOD <= seconds + 2 * PERIOD


def test_a_loop_that_answers_is_asked_for_ever_and_nobody_is_asked_who_has_nothing_to_do():
    loop, probed = Loop(), Probed(0.01)
    probe = LivenessProbe(probed, 1.0, lambda: loop.now)
    probe.begin(loop)
    for _ in range(100):
        loop.turn()
        probe.beat()
    assert probed.pings == 100
    probed.is_awaited = False
    loop.turn()
    assert (probed.pings, probed.why, loop.calls) == (100, [], [])


def test_whoever_was_late_itself_judges_nobody():
    loop, probed = Loop(), Probed(0.01)
    probe = LivenessProbe(probed, 30.0, lambda: loop.now)
    probe.begin(loop)
    loop.turn()
    loop.turn(late=60.0)
    assert probed.why == []
    probe.beat()
    loop.turn()
    assert probed.pings == 2
