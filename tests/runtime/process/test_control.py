"""What a supervisor and a front tell each other."""

import json
import os

import pytest

from modelbundle.runtime.errors import BundleError
from modelbundle.runtime.process.control import Control


@pytest.fixture
def control():
    control = Control()
    yield control
    control.close()


def test_events_come_whole_and_in_order(control):
    heard = []
    control.front.on_event = heard.append
    control.supervisor.send("born", model="a", replica=0, generation=1)
    control.supervisor.send("leave")
    assert control.front.read()
    assert heard == [
        {"event": "born", "model": "a", "replica": 0, "generation": 1},
        {"event": "leave"},
    ]
    assert control.front.read(), "nothing has come, and more may"


def test_an_event_that_cannot_be_followed_keeps_nobody_from_the_next(control, caplog):
    heard = []

    def follow(event):
        heard.append(event["event"])
        if event["event"] == "stands":
            raise KeyError(event["model"])

    control.front.on_event = follow
    control.supervisor.send("stands", model="gone")
    control.supervisor.send("done")
    assert control.front.read()
    assert heard == ["stands", "done"]
    assert "could not be followed" in caplog.text


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
    line = json.dumps({"event": "cost", "costs": {"a": "b" * 100_000}}).encode() + b"\n"
    raw = control.front._socket
    raw.setblocking(True)
    raw.send(line[:50])
    assert control.supervisor.read()
    assert heard == []
    raw.send(line[50:])
    while not heard:
        assert control.supervisor.read()
    assert heard[0]["costs"] == {"a": "b" * 100_000}


def test_nobody_at_the_other_end_is_no_trouble(control):
    control.front.close()
    control.supervisor.send("leave")
    assert not control.supervisor.read()


def test_one_who_does_not_listen_never_blocks_the_other(control):
    for number in range(100_000):
        control.supervisor.send("born", number=number)
    control.supervisor.send("leave")


def test_half_an_event_ends_the_line_for_both_and_leaves_its_number_to_it(control):
    """Whoever waits for it hears of its end, and nobody else has got the number meanwhile."""
    number = control.supervisor.fileno()
    control.supervisor.send("welcome", guest="x" * 10_000_000)
    assert control.supervisor.fileno() == number
    assert not control.supervisor.read()
    while control.front.read():
        pass
    control.supervisor.send("leave")


def test_descriptors_come_with_their_events(control):
    taken = {}

    def hear(event):
        if event["event"] == "come":
            taken[event["model"]] = control.front.take(event["count"])

    control.front.on_event = hear
    pipes = [os.pipe() for _ in range(3)]
    reads, writes = zip(*pipes, strict=True)
    control.supervisor.send("stands", model="a")
    control.supervisor.send("come", reads[:2], model="a", count=2)
    control.supervisor.send("stands", model="a")
    control.supervisor.send("come", reads[2:], model="b", count=1)
    while len(taken) < 2:
        assert control.front.read()
    for number, writer in enumerate(writes):
        os.write(writer, b"%d" % number)
    assert [os.read(each, 1) for each in (*taken["a"], *taken["b"])] == [b"0", b"1", b"2"]
    for each in (*reads, *writes, *taken["a"], *taken["b"]):
        os.close(each)
