"""What a front and a model process share, also where one of them came later."""

import os

import pytest

from modelbundle.runtime.remote.channel import Channel


@pytest.fixture
def channel():
    """One with room for two batches."""
    made = Channel.create(2)
    yield made
    made.close()


@pytest.mark.parametrize("which", ["front", "model"])
def test_who_is_sent_an_end_has_all_of_it(channel, which):
    """The other side's doorbell, and the same memory for the same thing."""
    sent = channel.front_descriptors if which == "front" else channel.descriptors
    adopt = Channel.adopt_front if which == "front" else Channel.adopt
    own = adopt([os.dup(each) for each in sent])
    ours, theirs = (own.front, channel.model) if which == "front" else (own.model, channel.front)
    theirs.send(b"there")
    assert ours.recv(10) == b"there"
    ours.send(b"here")
    assert theirs.recv(10) == b"here"
    assert len(own.slots) == len(channel.slots) == 2
    for number, (mine, known) in enumerate(zip(own.slots, channel.slots, strict=True)):
        for slab, other in ((mine.inputs, known.inputs), (mine.outputs, known.outputs)):
            slab.reserve(1)
            slab.root[0] = 10 * number + (slab is mine.inputs)
            other.follow(1)
            assert other.root[0] == slab.root[0]
    assert [slot.inputs.root[0] for slot in own.slots] == [1, 11]
    own.close()


def test_the_other_end_is_seen_to_be_gone(channel):
    """Each side keeps its own alone."""
    channel.for_front()
    assert channel.front.recv(1) == b""


def test_nothing_is_left_open(channel):
    """Neither of what was made, nor of what could not be."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    made = Channel.create(3)
    assert made.memory >= 6 << 16
    made.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
