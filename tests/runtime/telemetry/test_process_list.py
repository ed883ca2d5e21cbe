"""Which processes serve."""

import os

from modelbundle.runtime.telemetry.process_list import MOST, SIZE, ProcessList


def test_what_a_supervisor_enters_its_forks_read():
    process_list = ProcessList()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(reader, 1)
        found = list(process_list) == [(7, {"role": "front"}), (9, {"role": "model"})]
        os._exit(0 if found else 1)
    process_list.enter(7, role="front")
    process_list.enter(8, role="gone")
    process_list.enter(9, role="model")
    process_list.leave(8)
    os.write(writer, b"!")
    assert os.waitpid(pid, 0)[1] == 0
    os.close(reader)
    os.close(writer)


def test_a_place_is_used_again_and_a_process_has_one():
    process_list = ProcessList()
    for pid in range(1, 3 * MOST):
        process_list.enter(pid, role="front")
        process_list.enter(pid, role="model")
        assert list(process_list) == [(pid, {"role": "model"})]
        process_list.leave(pid)
        process_list.leave(pid)
    assert not list(process_list)


def test_what_does_not_fit_is_left_out():
    process_list = ProcessList()
    process_list.enter(1, role="x" * SIZE)
    for pid in range(2, MOST + 10):
        process_list.enter(pid)
    assert len(list(process_list)) == MOST


def test_an_entry_that_is_half_written_is_not_read():
    process_list = ProcessList()
    process_list.enter(1, role="front")
    process_list._memory[0:4] = b"[1,{"
    process_list._memory[4:6] = b"\0\0"
    assert list(process_list) == []


def test_memory_of_those_that_are_there():
    process_list = ProcessList()
    process_list.enter(os.getpid(), role="model")
    process_list.enter(1 << 30, role="gone")
    ((labels, resident, share),) = process_list.memory()
    assert labels == {"role": "model"}
    assert 0 < share <= resident
