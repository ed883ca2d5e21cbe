"""How a front and its service process find each other."""

import pytest

from modelbundle.runtime.rpc.call_channel import CallChannel

from ..process.crew.few_descriptors import few_descriptors


def test_one_that_there_is_no_room_for_is_sent_away_and_the_next_is_let_in():
    """The front took it for the end of all of them, and listened no more."""
    channel = CallChannel.create()
    first = channel.knock(1)
    with few_descriptors(0), pytest.raises(BlockingIOError):
        channel.open()
    first.setblocking(True)
    assert first.recv(1) == b""
    first.close()
    with channel.knock(2):
        generation, stream = channel.open()
    stream.close()
    assert generation == 2
    channel.for_front().close()
