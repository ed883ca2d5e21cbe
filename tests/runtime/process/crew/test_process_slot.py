"""ProcessSlot: how long it waits until it is filled again, and whom it ends."""

import os
import signal
import time

import pytest

from modelbundle.runtime.process.crew import crew
from modelbundle.runtime.process.crew.child import Child
from modelbundle.runtime.process.crew.crew import FrontSlot, ModelSlot, ProcessSlot
from modelbundle.runtime.process.crew.service_slot import ServiceSlot
from modelbundle.runtime.remote.channel import END


class Sent(Child):
    """A process that was never forked, and the signals that it was to get."""

    def __init__(self, *, is_ready=True, age=0.0):
        super().__init__(time.monotonic() - age)
        self.signals = []
        if is_ready:
            os.write(self.writers[0], b"ready\n")
            self.pipes[0].read()
        for pipe in self.pipes:
            pipe.abandon()

    def send(self, number):
        self.signals.append(number)


def test_what_dies_while_it_loads_is_started_at_ever_longer_intervals():
    slot = ProcessSlot()
    delays = [slot.delay(Sent(is_ready=False)) for _ in range(30)]
    assert delays[:5] == [0.0, 0.1, 0.2, 0.4, 0.8]
    assert delays[8:] == [10.0] * 22


def test_what_was_ready_is_started_again_soon_however_often_it_dies():
    """Some rows are poison, and all others wait."""
    slot = ProcessSlot()
    assert [slot.delay(Sent()) for _ in range(5)] == [0.0, 0.1, 0.1, 0.1, 0.1]


def test_what_has_worked_for_a_while_is_started_at_once_and_counts_anew():
    slot = ProcessSlot()
    for _ in range(4):
        slot.delay(Sent(is_ready=False))
    assert slot.delay(Sent(is_ready=False, age=60)) == 0.8, "it only took long to load"
    assert slot.delay(Sent(age=60)) == 0.0
    assert slot.delay(Sent(is_ready=False)) == 0.1


def test_who_cannot_even_be_started_waits_as_well_and_is_not_called_useless():
    slot = ProcessSlot()
    assert [slot.delay() for _ in range(4)] == [0.0, 0.1, 0.2, 0.4]
    assert slot.futile == 0


@pytest.mark.parametrize(("useful", "futile"), [(60.0, 3), (-1.0, 0)])
def test_only_who_has_served_for_a_while_was_of_use(useful, futile, monkeypatch):
    monkeypatch.setattr(crew, "SERVED", useful)
    slot = ProcessSlot()
    for _ in range(3):
        slot.delay(Sent())
    assert slot.futile == futile


@pytest.mark.parametrize(
    ("slot", "loading", "ready"),
    [
        (FrontSlot(0, 0), [signal.SIGKILL], [signal.SIGKILL]),
        (ModelSlot("a"), [signal.SIGKILL], [END]),
        (ServiceSlot("a:B", 0), [], []),
    ],
)
def test_a_model_finishes_its_batch_and_who_loads_has_none(slot, loading, ready):
    for is_ready, signals in ((False, loading), (True, ready)):
        slot.child = Sent(is_ready=is_ready)
        slot.end()
        assert slot.child.signals == signals


@pytest.mark.parametrize("change", [{}, *({key: 9} for key in ("term", "replica", "generation"))])
def test_only_the_process_that_hangs_is_killed_and_not_its_successor(change):
    models = [ModelSlot(alias, replica, None, 3) for alias in "ab" for replica in range(2)]
    front = FrontSlot(0, 0, models)
    for model in models:
        model.child, model.generation = Sent(), 2
    event = {"model": "b", "term": 3, "replica": 1, "generation": 2, "why": "it hangs"} | change
    front.kill_model(event)
    killed = [model for model in models if model.child.signals == [signal.SIGKILL]]
    assert killed == ([] if change else models[3:])
    assert [model.killed_for for model in models] == ["", "", "", "" if change else "it hangs"]


def test_a_front_may_be_ready_once_and_its_successor_has_to_be_told_again():
    front, heard = FrontSlot(0, 0), []
    front.allow_ready()
    assert not front.may_be_ready, "there is nobody to tell"
    for _ in range(2):
        front.prepare().front.on_event = heard.append
        for _ in range(3):
            front.allow_ready()
        front.control.front.read()
    assert heard == [{"event": "allow_ready"}] * 2
    front.close()
