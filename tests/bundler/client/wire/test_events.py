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
