"""What a worker writes on stderr, heard by its supervisor."""

import os
from pathlib import Path

import pytest

from modelbundle.runtime.process.crew.output_pipe import OutputPipe
from modelbundle.runtime.process.crew.stderr_tail import KEPT, LONGEST, TOO_LONG, StderrTail


def test_whole_lines_are_passed_on_as_they_come(capfd):
    tail = StderrTail()
    tail.feed(b"one\ntw")
    assert capfd.readouterr().err == "one\n"
    tail.feed(b"o\n")
    assert capfd.readouterr().err == "two\n"


def test_what_has_no_end_is_passed_on_at_the_end(capfd):
    tail = StderrTail()
    tail.feed(b"cannot allocate")
    assert tail.end() == "cannot allocate"
    assert capfd.readouterr().err == "cannot allocate\n"


def test_a_line_without_an_end_is_not_kept_until_memory_is_full(capfd):
    tail = StderrTail()
    tail.feed(b"x" * TOO_LONG)
    assert capfd.readouterr().err == ""
    tail.feed(b"x")
    assert capfd.readouterr().err == "x" * (TOO_LONG + 1) + "\n"
    assert tail.end() == "x" * LONGEST


def test_the_log_goes_through_but_is_not_why_it_died(capfd):
    tail = StderrTail()
    tail.feed(b'{"ts":1,"message":"Loaded."}\nabort: no such device\n')
    assert tail.end() == "abort: no such device"
    assert "Loaded." in capfd.readouterr().err


def test_little_is_kept_of_much():
    tail = StderrTail()
    for number in range(1000):
        tail.feed(b"%d" % number * 1000 + b"\n")
    kept = tail.end().splitlines()
    assert len(kept) == KEPT
    assert {len(line) for line in kept} == {LONGEST}
    assert kept[-1].startswith("999")


@pytest.fixture
def heard():
    """What came through a pipe, and the pipe."""
    pieces = []
    return pieces, OutputPipe(pieces.append)


def test_a_voice_is_heard_until_its_end(heard):
    pieces, pipe = heard
    told = os.dup(pipe.writer)
    pipe.listen()
    assert pipe.read()
    os.write(told, b"ready")
    assert pipe.read()
    os.close(told)
    assert not pipe.read()
    assert (pieces, pipe.is_closed) == ([b"ready"], False), "whoever waits for it gives it up first"
    pipe.finish()
    assert (pieces, pipe.is_closed) == ([b"ready"], True)


def test_a_child_of_a_dead_worker_that_holds_the_pipe_open_is_not_waited_for(heard):
    pieces, pipe = heard
    held = os.dup(pipe.writer)
    pipe.listen()
    os.write(held, b"farewell")
    pipe.finish()
    os.close(held)
    assert (pieces, pipe.is_closed) == ([b"farewell"], True)


def test_a_pipe_to_nobody_leaves_no_descriptor():
    before = descriptors()
    pipe = OutputPipe(lambda _: None)
    assert len(descriptors()) == len(before) + 2
    pipe.abandon()
    assert descriptors() == before
    assert pipe.is_closed


def descriptors():
    return {path.name for path in Path("/proc/self/fd").iterdir()}
