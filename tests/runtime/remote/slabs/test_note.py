"""What has to be known of a body travels before it, and is no part of it."""

import numpy as np
import pytest

from modelbundle.runtime.remote.message import Message, MessageKind
from modelbundle.runtime.remote.slabs import layout, slab_reader
from modelbundle.runtime.remote.slabs.layout import Numbers
from modelbundle.runtime.remote.slabs.note import NotedOutput, with_note, without_note
from modelbundle.runtime.remote.slabs.slab import Slab


@pytest.mark.parametrize("note", [None, {"a": [1, "\u00f6" * 300]}, ""])
@pytest.mark.parametrize("body", [b"", b"{}", bytes(range(256))])
def test_a_note_and_a_body_come_apart_again(note, body):
    assert without_note(np.concatenate(with_note(note, body))) == (note, body)


def test_a_note_and_an_output_come_apart_again():
    """With the name of what is to be done with them."""
    slab, rows = Slab.create("test"), np.arange(6.0).reshape(3, 2)
    written = NotedOutput("csv").write(slab, [({"id": 7}, rows)], 0, Numbers())
    message = Message(MessageKind.RUN, 0, 0, 1, 1, *written)
    text = slab.root[message.values : message.values + message.described].data
    method, body = layout.read(text)
    note, found = slab_reader.read(slab, message, body, copies=True)
    assert (method, note, message.rows) == ("csv", {"id": 7}, 3)
    np.testing.assert_array_equal(found, rows)
    slab.close()
