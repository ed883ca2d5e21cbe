"""Whether a crew is busy, and what it grows to by its measurements."""

import os
import signal
import sys
from types import SimpleNamespace

import pytest

from modelbundle.runtime.process.crew.crew import Crew, FrontSlot, ModelSlot
from modelbundle.runtime.process.machine import topology
from modelbundle.runtime.process.machine.topology import Machine
from modelbundle.runtime.process.supervising.autoscaler import ENOUGH, Autoscaler
from modelbundle.runtime.system import proc

from ...conftest import wait_until

GIB = 1 << 30
ROOMY = Machine(cores=8, memory=64 * GIB)
QUICK, SLOW = (50e-6, 2e-6), (0.001, 0.02)  # seconds a batch, seconds a row

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how busy one is")


@pytest.fixture
def forked():
    """Have a process that does nothing but this: `forked(work)`."""
    pids = []

    def fork(work):
        pid = os.fork()
        if pid == 0:
            while True:
                work()
        pids.append(pid)
        return pid

    yield fork
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def crew_of(*pids):
    """A front and the processes of its models."""
    models = [ModelSlot("m", replica) for replica in range(len(pids) - 1)]
    front = FrontSlot(0, 0, models)
    for slot, pid in zip((front, *models), pids, strict=True):
        slot.child = SimpleNamespace(pid=pid) if pid else None
    return Crew([front])


def autoscaler(machine=ROOMY, *, has_threads=False):
    return Autoscaler(lambda: machine, has_threads=has_threads)


def until_used(pid, seconds):
    wanted = proc.processor_seconds(pid) + seconds
    wait_until(lambda: proc.processor_seconds(pid) >= wanted)


@pytest.mark.parametrize("is_model", [False, True])
def test_one_that_uses_a_core_makes_a_crew_busy(forked, monkeypatch, is_model):
    # Where others work as well nobody may get the half of a core that counts as busy.
    monkeypatch.setattr("modelbundle.runtime.process.supervising.autoscaler.BUSY", 0.001)
    idle, busy = forked(signal.pause), forked(lambda: None)
    crew = crew_of(idle, busy) if is_model else crew_of(busy, idle)
    found = autoscaler()
    assert not found.is_busy(crew), "of the first look nobody knows how long ago it was"
    until_used(busy, 0.1)
    assert found.is_busy(crew)
    os.kill(busy, signal.SIGSTOP)
    found.is_busy(crew)
    assert not found.is_busy(crew), "what it used before counts no more"
    assert not found.is_busy(crew_of(idle, 0)), "and nobody is in the place of the other"


def test_too_few_batches_prove_nothing():
    begun = topology.first("auto", ROOMY, is_threaded=False)
    crew = crew_of(os.getpid())
    assert autoscaler().chosen(begun, crew, {}) is begun
    assert autoscaler().chosen(begun, crew, {"m.predict": (*SLOW, ENOUGH - 1)}) is begun
    assert autoscaler().chosen(begun, crew, {"m.predict": (*SLOW, ENOUGH)}).is_settled


def test_the_slowest_method_that_is_known_decides():
    begun = topology.first("auto", ROOMY, is_threaded=False)
    quick, slow = {"m.fast": (*QUICK, 90)}, {"m.slow": (*SLOW, 90)}
    crew = crew_of(os.getpid())
    assert autoscaler().chosen(begun, crew, quick).kind == "A"
    assert autoscaler().chosen(begun, crew, quick | slow).kind == "B"
    assert autoscaler().chosen(begun, crew, quick | {"m.slow": (*SLOW, 1)}).kind == "A"


def test_memory_of_the_front_and_of_its_models_counts():
    own = os.getpid()
    alone, both = crew_of(own), crew_of(own, own)
    enough = Machine(cores=8, memory=int(3.5 * proc.resident(own) / topology.SHARE))
    begun = topology.first("auto", enough, is_threaded=False)
    costs = {"m.predict": (*SLOW, 90)}
    assert autoscaler(enough).chosen(begun, alone, costs).size == (1, 3)
    assert autoscaler(enough).chosen(begun, both, costs).size == (1, 1)


def test_a_library_with_threads_is_left_alone():
    begun = topology.first("auto", ROOMY, is_threaded=False)
    found = autoscaler(has_threads=True)
    assert found.chosen(begun, crew_of(os.getpid()), {"m": (*SLOW, 90)}).size == (1, 1)
