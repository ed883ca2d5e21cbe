"""Forks that a template was asked for, until it has answered or is gone."""

import errno
import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from modelbundle.runtime.process.crew.child import Child
from modelbundle.runtime.process.crew.crew import ModelSlot, TemplateSlot
from modelbundle.runtime.process.crew.pending_forks import PendingForks


class Forks(PendingForks):
    """Pending forks, and what became of them."""

    def __init__(self):
        self.born, self.failed = [], []
        super().__init__(
            lambda slot, pid: self.born.append((slot, pid)),
            lambda slot, error: self.failed.append(
                (slot, error.errno, isinstance(error, ConnectionError))
            ),
        )
        self._children = []

    def ask(self, template, slot):
        child = Child(time.monotonic())
        self._children.append(child)
        return self.request(template, slot, child)

    def close(self):
        for child in self._children:
            child.listen()
            child.abandon()


@pytest.fixture
def forks():
    made = Forks()
    yield made
    made.close()


@pytest.fixture
def templates():
    """Two templates, of which this test plays the part."""
    made = [TemplateSlot("a"), TemplateSlot("b")]
    for each in made:
        each.prepare()
    yield made
    for each in made:
        each.close()


@pytest.fixture
def slots():
    made = [ModelSlot("a"), ModelSlot("a", 1), ModelSlot("b")]
    for generation, each in enumerate(made, 5):
        each.prepare()
        each.generation = generation
    yield made
    for each in made:
        each.close()


def heard(template):
    """What it is asked for, with the descriptors that came along."""
    data, descriptors, _, _ = socket.recv_fds(template.template, 1 << 12, 64)
    for each in descriptors:
        os.close(each)
    return json.loads(data), len(descriptors)


def tell(template, **answer):
    template.template.send(json.dumps(answer).encode())


def test_each_answer_is_for_the_slot_that_it_names(forks, templates, slots):
    first, second = (forks.ask(templates[0], slot) for slot in slots[:2])
    assert len(forks) == 2
    shared = 2 + len(slots[0].channel.descriptors)
    assert heard(templates[0]) == ({"fork_id": first, "generation": 5}, shared)
    assert heard(templates[0]) == ({"fork_id": second, "generation": 6}, shared)
    assert forks.read_answers(templates[0]), "it has not said anything yet"
    assert (forks.born, forks.failed) == ([], [])
    tell(templates[0], fork_id=second, pid=12)
    tell(templates[0], fork_id=first, errno=errno.ENOMEM)
    assert forks.read_answers(templates[0])
    assert forks.read_answers(templates[0])
    assert forks.born == [(slots[1], 12)]
    assert forks.failed == [(slots[0], errno.ENOMEM, False)]
    assert len(forks) == 0


def test_of_a_template_that_has_ended_the_last_words_count_and_the_others_wait(
    forks, templates, slots
):
    first, _, other = (
        forks.ask(template, slot)
        for template, slot in zip((*templates[:1] * 2, templates[1]), slots, strict=True)
    )
    tell(templates[0], fork_id=first, pid=11)
    forks.finish(templates[0])  # whoever was forked from it may hold its end open
    assert forks.born == [(slots[0], 11)]
    assert forks.failed == [(slots[1], None, True)]
    assert len(forks) == 1
    heard(templates[1])
    tell(templates[1], fork_id=other, pid=13)
    templates[1].template.close()
    assert forks.read_answers(templates[1])
    assert not forks.read_answers(templates[1]), "nothing more will come"
    assert forks.born == [(slots[0], 11), (slots[2], 13)]
    assert (len(forks), len(forks.failed)) == (0, 1)


@pytest.mark.parametrize("is_heard_first", [False, True])
def test_what_a_template_answered_counts_though_it_left_other_requests_unread(
    forks, templates, slots, is_heard_first
):
    """Linux says of such a line that it was reset, and only then what was sent through it."""
    template = templates[0]
    answered, _ = (forks.ask(template, slot) for slot in slots[:2])
    heard(template)
    tell(template, fork_id=answered, pid=11)
    template.template.close()
    while is_heard_first and forks.read_answers(template):
        pass
    forks.finish(template)
    assert forks.born == [(slots[0], 11)], "else nobody could end it"
    assert forks.failed == [(slots[1], None, True)]


def test_who_cannot_be_asked_is_not_waited_for(forks, templates, slots):
    with pytest.raises(ConnectionError):
        forks.ask(TemplateSlot("a"), slots[0])
    with pytest.raises(ConnectionError):
        forks.ask(templates[0], ModelSlot("a"))
    templates[0].template.close()
    with pytest.raises(ConnectionError):
        forks.ask(templates[0], slots[0])
    assert len(forks) == 0
    assert not forks.read_answers(templates[0])
    templates[0].close()
    assert not forks.read_answers(templates[0]), "an end that is closed says no more"
    assert forks.failed == []


def test_a_template_that_does_not_answer_is_killed_and_one_that_has_is_not(forks, templates, slots):
    """One that is killed is reaped, which fails its forks."""
    template = templates[0]
    template.child = child = Child(time.monotonic())
    child.start(lambda _: time.sleep(60) or 0, lambda: None)
    try:
        answered = forks.ask(template, slots[0])
        tell(template, fork_id=answered, pid=11)
        forks.read_answers(template)
        forks.time_out(answered)
        late = forks.ask(template, slots[1])
        assert os.waitpid(child.pid, os.WNOHANG) == (0, 0)
        assert "Z" not in Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2][:3]
        forks.time_out(late)
        assert os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1]) == -signal.SIGKILL
        assert len(forks) == 1
    finally:
        child.abandon()
