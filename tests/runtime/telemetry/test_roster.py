"""Which processes serve."""

import os

from modelbundle.runtime.telemetry.roster import MOST, SIZE, Roster


def test_what_a_supervisor_enters_its_forks_read():
    roster = Roster()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(reader, 1)
        found = list(roster) == [(7, {"role": "front"}), (9, {"role": "model"})]
        os._exit(0 if found else 1)
    roster.enter(7, role="front")
    roster.enter(8, role="gone")
    roster.enter(9, role="model")
    roster.leave(8)
    os.write(writer, b"!")
    assert os.waitpid(pid, 0)[1] == 0
    os.close(reader)
    os.close(writer)


def test_a_place_is_used_again_and_a_process_has_one():
    roster = Roster()
    for pid in range(1, 3 * MOST):
        roster.enter(pid, role="front")
        roster.enter(pid, role="model")
        assert list(roster) == [(pid, {"role": "model"})]
        roster.leave(pid)
        roster.leave(pid)
    assert not list(roster)


def test_what_does_not_fit_is_left_out():
    roster = Roster()
    roster.enter(1, role="x" * SIZE)
    for pid in range(2, MOST + 10):
        roster.enter(pid)
    assert len(list(roster)) == MOST


def test_an_entry_that_is_half_written_is_not_read():
    roster = Roster()
    roster.enter(1, role="front")
    roster._memory[0:4] = b"[1,{"
    roster._memory[4:6] = b"\0\0"
    assert list(roster) == []


def test_memory_of_those_that_are_there():
    roster = Roster()
    roster.enter(os.getpid(), role="model")
    roster.enter(1 << 30, role="gone")
    ((labels, resident, share),) = roster.memory()
    assert labels == {"role": "model"}
    assert 0 < share <= resident
