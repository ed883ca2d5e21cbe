"""Batches and answers on a slab: what is read is what was written, however it grew meanwhile."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelbundle.runtime.manifests.signature import Field, Side
from modelbundle.runtime.remote.message import Message, MessageKind
from modelbundle.runtime.remote.slabs import layout, slab_reader
from modelbundle.runtime.remote.slabs.inputs import Batches, Inputs
from modelbundle.runtime.remote.slabs.layout import Numbers
from modelbundle.runtime.remote.slabs.outputs import Outputs
from modelbundle.runtime.remote.slabs.slab import GRAIN, Slab

DTYPES = ["f4", ">f8", "i1", "?", "c8", "M8[ns]", "S3", "U2", "f2"]
SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)
NOTHING = Side("array", ())
TEXTS = Side("array", (Field("x", "bytes", (None,)),))


class Reader:
    """The other process: it sees the memory, and has the layouts that were described to it."""

    def __init__(self, slab):
        self.slab = Slab(slab.descriptor)
        self.layouts = {}

    def read(self, written, *, part=None):
        message = Message.decode(Message(MessageKind.RUN, 1, 2, 3, 4, *written).encode())
        assert message[:5] == (MessageKind.RUN, 1, 2, 3, 4)
        self.slab.follow(message.size)
        if message.described:
            start = message.values
            text = self.slab.root[start : start + message.described].data
            self.layouts[message.layout] = layout.read(text)
        known = self.layouts[message.layout]
        known = known if part is None else known[part]
        return slab_reader.read(self.slab, message, known, copies=True)


@pytest.fixture(scope="module")
def slab():
    made = Slab.create("test")
    yield made
    made.close()


def same(found, expected):
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert found.tobytes() == expected.tobytes()


@given(st.data(), st.sampled_from(DTYPES), SHAPES)
def test_arrays_stay_what_they_are(slab, drawn, dtype, shape):
    """The first of a layout, which is described, and the second, which is not."""
    numbers, outputs = Numbers(), Outputs()
    inputs, model, front = Inputs("predict", NOTHING), Reader(slab), Reader(slab)
    for is_known in (False, True):
        array = drawn.draw(arrays.arrays(dtype, shape))
        parts = [array, array[:1]]
        whole = np.concatenate(parts).astype(array.dtype)
        written = inputs.write(slab, parts, 0, numbers)
        assert (written[1] == 0) == is_known
        same(model.read(written, part=1), whole)
        written = outputs.write(slab, array, len(array))
        assert (written[1] == 0) == is_known
        same(front.read(written), array)
        same(front.read(outputs.write(slab, array, len(array) + 1)), array)  # not as many rows


def test_a_known_layout_may_need_more_memory_than_there_was():
    slab = Slab.create("test")
    inputs, numbers, outputs = Inputs("predict", NOTHING), Numbers(), Outputs()
    model, front = Reader(slab), Reader(slab)
    for rows in (1, 3 * GRAIN, 40 * GRAIN):
        array = np.arange(rows, dtype=np.uint8)
        same(model.read(inputs.write(slab, [array], rows, numbers), part=1), array)
        same(front.read(outputs.write(slab, array[::-1], rows)), array[::-1])
    slab.close()


@given(st.lists(st.lists(st.binary(max_size=4), max_size=3), min_size=1, max_size=3))
def test_bytes_and_lists_of_requests_stand_under_one_another(slab, requests):
    numbers, model = Numbers(), Reader(slab)
    batches = []
    for values in requests:
        batch = np.empty(len(values), object)
        batch[:] = values
        batches.append(batch)
    expected = [value for values in requests for value in values]
    found = model.read(Inputs("predict", TEXTS).write(slab, batches, 0, numbers), part=1)
    assert found.tolist() == expected
    words = [[value.hex() for value in values] for values in requests]
    found = model.read(Inputs("embed", NOTHING).write(slab, words, 0, numbers), part=1)
    assert found == [value.hex() for value in expected]


@pytest.mark.parametrize("batch", [b"", b"text" * GRAIN, np.arange(3), {"a": np.zeros((2, 0))}])
def test_notes_come_first(slab, batch):
    front, batches = Reader(slab), Batches()
    for notes in ([], [{"n": [1, None]}]):
        found = front.read(batches.write(slab, (NOTHING, batch, *notes), 0))
        if notes:
            note, found = found
            assert note == notes[0]
        if isinstance(batch, dict):
            assert found.keys() == batch.keys()
            found, expected = found["a"], batch["a"]
            same(found, expected)
        elif isinstance(batch, bytes):
            assert found == batch
        else:
            same(found, batch)
