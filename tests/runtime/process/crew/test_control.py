"""What a supervisor and a front tell each other."""

import json
import os
from pathlib import Path

import pytest

from modelbundle.runtime.errors import BundleError
from modelbundle.runtime.process.crew import control as control_module
from modelbundle.runtime.process.crew.control import ControlPair

from .few_descriptors import few_descriptors


@pytest.fixture
def control():
    control = ControlPair()
    yield control
    control.close()


def test_events_come_whole_and_in_order(control):
    heard = []
    control.front.on_event = heard.append
    control.supervisor.send("process_started", model="a", replica=0, generation=1)
    control.supervisor.send("leave")
    assert control.front.read()
    assert heard == [
        {"event": "process_started", "model": "a", "replica": 0, "generation": 1},
        {"event": "leave"},
    ]
    assert control.front.read(), "nothing has come, and more may"


def test_an_event_that_cannot_be_followed_keeps_nobody_from_the_next(control, caplog):
    heard = []

    def follow(event):
        heard.append(event["event"])
        if event["event"] == "model_state":
            raise KeyError(event["model"])

    control.front.on_event = follow
    control.supervisor.send("model_state", model="gone")
    control.supervisor.send("result")
    assert control.front.read()
    assert heard == ["model_state", "result"]
    assert "could not be handled" in caplog.text


def test_the_end_of_a_server_is_no_such_event(control):
    def follow(_):
        raise BundleError("It cannot go on.")

    control.front.on_event = follow
    control.supervisor.send("leave")
    with pytest.raises(BundleError):
        control.front.read()


def test_half_an_event_waits_for_the_rest(control):
    heard = []
    control.supervisor.on_event = heard.append
    line = json.dumps({"event": "costs", "costs": {"a": "b" * 100_000}}).encode() + b"\n"
    raw = control.front._socket
    raw.setblocking(True)
    raw.send(line[:50])
    assert control.supervisor.read()
    assert heard == []
    raw.send(line[50:])
    while not heard:
        assert control.supervisor.read()
    assert heard[0]["costs"] == {"a": "b" * 100_000}


def test_more_descriptors_than_a_message_may_bring(control):
    """As for 85 processes of a model."""
    heard, taken = [], []
    control.front.on_event = heard.append
    with Path(os.devnull).open("rb") as file:
        control.supervisor.send("prepare", [file.fileno()] * 300, model="a")
        control.supervisor.send("leave")
        while len(heard) < 2:
            assert control.front.read()
            if heard and not taken:
                taken = control.front.take(300)
        assert [each["event"] for each in heard] == ["prepare", "leave"]
        assert all(os.path.sameopenfile(each, file.fileno()) for each in taken)
    for each in taken:
        os.close(each)


def test_nobody_at_the_other_end_is_no_trouble(control):
    control.front.close()
    control.supervisor.send("leave")
    assert not control.supervisor.read()


def test_one_who_does_not_listen_never_blocks_the_other_and_hears_all_of_it_later(control):
    heard, full = [], []
    control.supervisor.on_full = lambda: full.append(True)
    control.front.on_event = lambda event: heard.append(event["number"])
    for number in range(10_000):
        control.supervisor.send("process_started", number=number)
    control.supervisor.send("welcome", number="x" * 5_000_000)
    assert full == [True]
    while not control.supervisor.flush():
        assert control.front.read()
    while len(heard) <= 10_000:
        assert control.front.read()
    assert heard == [*range(10_000), "x" * 5_000_000]


def goes(control):
    control.front.close()
    assert control.supervisor.flush()


def ends(control):
    control.supervisor.close()


@pytest.mark.parametrize("how", [goes, ends])
def test_what_is_kept_for_one_who_goes_is_forgotten(control, how):
    while not control.supervisor._kept:
        control.supervisor.send("process_started", number=1)
    reader, writer = os.pipe()
    control.supervisor.send("prepare", [writer], model="a", count=1)
    os.close(writer)
    how(control)
    assert os.read(reader, 1) == b"", "the copy of the descriptor is closed"
    os.close(reader)


def test_a_line_that_can_tell_no_more_ends_for_both(control, caplog, monkeypatch):
    """Whoever waits for it hears of its end."""
    monkeypatch.setattr(control_module, "_MOST", 1000)  # more than one message holds
    while not control.supervisor._kept:
        control.supervisor.send("process_started", number=1)
    number = control.supervisor.fileno()
    control.supervisor.send("prepare", [number] * 300, model="a")
    while control.front.read() and not control.supervisor.flush():
        pass
    assert not control.supervisor.read()
    assert control.supervisor.fileno() == number
    assert "cannot be sent" in caplog.text


def test_descriptors_that_cannot_be_sent_are_told_to_whoever_sends_them(control):
    with pytest.raises(OSError, match=r"."):
        control.supervisor.send("prepare", [1_000_000], model="a")  # there is none


def test_descriptors_that_there_is_no_room_for_are_missed_and_not_those_of_the_next_event(control):
    for _ in range(2):
        control.supervisor.send("prepare", [0, 1])
    with few_descriptors(1) as are_still_free:
        assert control.front.read()
        with pytest.raises(OSError, match="Too many open files"):
            control.front.take(2)
        assert are_still_free()
    assert control.front.read()
    taken = control.front.take(2)
    assert [os.fstat(each) for each in taken] == [os.fstat(each) for each in (0, 1)]
    for each in taken:
        os.close(each)


def test_descriptors_that_wait_come_with_their_events(control):
    taken = []
    control.front.on_event = lambda event: (
        taken.extend(control.front.take(1)) if event["event"] == "prepare" else None
    )
    while not control.supervisor._kept:
        control.supervisor.send("process_started", number=1)
    pipes = [os.pipe() for _ in range(3)]
    for _, writer in pipes:
        control.supervisor.send("prepare", [writer], model="a")
        os.close(writer)
    while not control.supervisor.flush() or len(taken) < 3:
        assert control.front.read()
    for at, (reader, _) in enumerate(pipes):
        os.write(taken[at], b"%d" % at)
        os.close(taken[at])
        assert os.read(reader, 2) == b"%d" % at
        assert os.read(reader, 1) == b"", "nobody else has it any more"
        os.close(reader)


def test_descriptors_come_with_their_events(control):
    taken = {}

    def hear(event):
        if event["event"] == "prepare":
            taken[event["model"]] = control.front.take(event["count"])

    control.front.on_event = hear
    pipes = [os.pipe() for _ in range(3)]
    reads, writes = zip(*pipes, strict=True)
    control.supervisor.send("model_state", model="a")
    control.supervisor.send("prepare", reads[:2], model="a", count=2)
    control.supervisor.send("model_state", model="a")
    control.supervisor.send("prepare", reads[2:], model="b", count=1)
    while len(taken) < 2:
        assert control.front.read()
    for number, writer in enumerate(writes):
        os.write(writer, b"%d" % number)
    assert [os.read(each, 1) for each in (*taken["a"], *taken["b"])] == [b"0", b"1", b"2"]
    for each in (*reads, *writes, *taken["a"], *taken["b"]):
        os.close(each)


def test_descriptors_of_an_event_that_goes_out_in_pieces_come_once(control):
    """A second copy would be taken for that of the next event, and never be closed."""
    reader, writer = os.pipe()
    taken = []
    control.front.on_event = lambda _: taken.extend(control.front.take(1))
    control.supervisor.send("prepare", [writer], model="a" * (1 << 22))
    os.close(writer)
    while not (control.supervisor.flush() and taken):
        assert control.front.read()
    os.set_blocking(reader, False)
    assert not os.get_inheritable(taken[0]), "a program that a model starts must not have it"
    os.close(taken.pop())
    assert os.read(reader, 1) == b"", "nobody has another"
    os.close(reader)


def test_who_is_to_flush_is_told_once_when_events_are_queued(control):
    told = []
    control.supervisor.on_full = lambda: told.append(len(control.supervisor._kept))
    while len(control.supervisor._kept) < 3:
        control.supervisor.send("process_started", number=1)
    assert told == [1]


def test_copies_that_cannot_all_be_made_leave_none(control):
    while not control.supervisor._kept:
        control.supervisor.send("process_started", number=1)
    with few_descriptors(1) as is_unchanged:
        with pytest.raises(OSError, match="Too many open files"):
            control.supervisor.send("prepare", [0, 0], model="a")
        assert is_unchanged()
