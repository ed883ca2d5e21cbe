"""The items of a stream: what no parser goes into is an error of ours, and so is an item that is not JSON."""

import pytest

from modelbundle.bundler.client.wire.events import Events
from modelbundle.bundler.client.wire.failures import Refused
from modelbundle.bundler.client.wire.reply import Reply

DEEP = b"[" * 200_000


@pytest.mark.parametrize("item", [b"no json", DEEP])
def test_an_item_that_is_no_json_is_refused(item):
    with pytest.raises(Refused, match="not JSON"):
        list(Events("text/event-stream").feed(b"data: %b\n\n" % item))


def test_an_error_that_is_no_json_is_told_as_it_stands():
    assert Reply(500, {}, DEEP).complaint().startswith("[[[")


def pieces(kind, parts):
    events = Events(kind)
    found = [item for part in parts for item in events.feed(part)]
    return found + list(events.close())


def test_a_character_that_comes_in_two_pieces_is_one():
    assert "".join(pieces("text/plain", [b"Gda\xc5", b"\x84sk"])) == "Gda\u0144sk"
    assert "".join(pieces("text/plain; charset=utf-8", [b"x\xc5"])) == "x\ufffd"


@pytest.mark.parametrize("cut", range(1, 22))
def test_an_event_ends_wherever_the_pieces_do(cut):
    told = b'data: "a"\r\n\r\ndata: 2\r\n\r\n'
    assert pieces("text/event-stream", [told[:cut], told[cut:]]) == ["a", 2]
