"""Forms of requests: what is read of them is what protobuf reads of the same bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.dialects.tensors.tensor import DTYPES
from modelbundle.runtime.grpc.fast.infer_forms import LARGEST, LONGEST, TRIES, InferForms
from modelbundle.runtime.grpc.messages.pool import pool

REQUEST = pool()["inference.ModelInferRequest"]
KINDS = sorted(set(DTYPES) - {"BOOL"})


def message(tensors, *, names=(), model="sums", version=""):
    """A request of tensors (datatype, shape, bytes)."""
    said = REQUEST(model_name=model, model_version=version)
    for index, (datatype, shape, raw) in enumerate(tensors):
        said.inputs.add(name=f"input-{index}", datatype=datatype, shape=shape)
        said.raw_input_contents.append(raw)
    for name in names:
        said.outputs.add(name=name)
    return said


@st.composite
def plain(draw):
    """The tensors of a request, and other numbers for the same."""
    tensors, others = [], []
    for _ in range(draw(st.integers(1, 3))):
        datatype = draw(st.sampled_from(KINDS))
        shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
        size = DTYPES[datatype].itemsize * int(np.prod(shape))
        raw = st.binary(min_size=size, max_size=size)
        tensors.append((datatype, shape, draw(raw)))
        others.append((datatype, shape, draw(raw)))
    return tensors, others


def says(form, data):
    """All that a form says of a message, as protobuf would be told it."""
    tensors = form.tensors(data)
    whole = message(
        [(e.datatype, e.shape, e.data.tobytes()) for e in tensors],
        names=form.outputs,
        model=form.model,
        version=form.version,
    )
    for said, tensor in zip(whole.inputs, tensors, strict=True):
        said.name = tensor.name
    return whole


@given(
    plain(), st.lists(st.text(max_size=9), max_size=2), st.text(max_size=20), st.text(max_size=9)
)
def test_other_numbers_of_the_same_form_are_read_without_protobuf(given, names, model, version):
    tensors, others = given
    forms = InferForms(REQUEST)
    forms.learn(message(tensors, names=names, model=model, version=version).SerializeToString())
    other = message(others, names=names, model=model, version=version)
    data = other.SerializeToString()
    form = forms.find(data)
    assert form is not None
    assert says(form, data) == other
    assert all(each.data.flags.aligned for each in form.tensors(data))


@given(plain(), st.binary(min_size=1, max_size=30), st.data())
def test_whatever_comes_is_read_as_protobuf_reads_it_or_not_at_all(given, noise, data):
    """Bytes of a message are overwritten, anywhere: its length is that of one that is known."""
    tensors, _ = given
    whole = message(tensors, names=["output"]).SerializeToString()
    forms = InferForms(REQUEST)
    forms.learn(whole)
    place = data.draw(st.integers(0, len(whole)))
    changed = (whole[:place] + noise + whole[place + len(noise) :])[: len(whole)]
    form = forms.find(changed)
    if form is not None:
        assert says(form, changed) == REQUEST.FromString(changed)


@pytest.mark.parametrize(
    "change",
    [
        lambda said: setattr(said, "id", "7"),
        lambda said: said.parameters["priority"].__setattr__("int64_param", 1),
        lambda said: said.inputs[0].parameters["a"].__setattr__("string_param", "np"),
        lambda said: said.outputs[0].parameters["a"].__setattr__("int64_param", 1),
        lambda said: said.inputs[0].contents.fp32_contents.append(1),
        lambda said: said.raw_input_contents.append(b""),
        lambda said: said.inputs[0].__setattr__("datatype", "BYTES"),
        lambda said: said.inputs[0].__setattr__("datatype", "BOOL"),
        lambda said: said.inputs[0].__setattr__("datatype", "FP99"),
        lambda said: said.inputs[0].shape.append(2),
        lambda said: said.inputs[0].shape.append(0),
        lambda said: said.inputs[0].shape.append(-1),
        lambda said: said.inputs[0].shape.extend([1] * 40),
        lambda said: said.inputs[0].__setattr__("name", "n" * LONGEST),
        lambda said: said.raw_input_contents.__setitem__(0, b"abc"),
        lambda said: said.raw_input_contents.__delitem__(0),
    ],
)
def test_what_says_more_than_numbers_or_what_cannot_be_is_left_to_protobuf(change):
    said = message([("FP32", [1], b"abcd")], names=["output"])
    change(said)
    forms = InferForms(REQUEST)
    forms.learn(said.SerializeToString())
    assert forms.find(said.SerializeToString()) is None


def test_numbers_that_do_not_stand_at_the_end_are_left_to_protobuf():
    """A message may have its fields in any order."""
    said = message([("FP32", [1], b"abcd")])
    data = b"\x3a\x04abcd" + message([("FP32", [1], b"")]).SerializeToString()[:-2]
    assert REQUEST.FromString(data) == said
    forms = InferForms(REQUEST)
    forms.learn(data)
    assert forms.find(data) is None


def test_large_messages_are_not_looked_at():
    data = message([("UINT8", [LARGEST], bytes(LARGEST))]).SerializeToString()
    forms = InferForms(REQUEST)
    forms.learn(data)
    assert forms.find(data) is None


def test_lengths_of_which_no_message_is_plain_are_not_looked_at_for_ever():
    """Whoever gives each request an id pays for a few looks, and no more."""
    looked = []

    class Message:
        @staticmethod
        def FromString(data):  # noqa: N802  protobuf's own name
            looked.append(data)
            return REQUEST.FromString(data)

    forms = InferForms(Message)
    for number in range(100):
        said = message([("FP32", [1], b"abcd")])
        said.id = f"{number:03}"
        forms.learn(said.SerializeToString())
    assert len(looked) <= 2 * TRIES


def test_two_models_whose_requests_are_of_one_length():
    """Neither is taken for the other."""
    forms = InferForms(REQUEST)
    one = message([("FP32", [1], b"abcd")], model="one").SerializeToString()
    two = message([("FP32", [1], b"efgh")], model="two").SerializeToString()
    for data in (one, two):
        forms.learn(data)
    assert [forms.find(data).model for data in (one, two, one)] == ["one", "two", "one"]


@pytest.mark.parametrize("count", [1, 2])
def test_what_stands_behind_the_numbers_is_no_part_of_a_form(count):
    """Of two forms whose heads are as long, in a message as long as the one and begun as the other.

    The last model that a message names is the one that it asks.
    """
    short, long = [("FP32", [1, 20], bytes(80))], [("FP32", [1, 24], bytes(96))]
    asked = message(short * count).SerializeToString()
    more = message(long * count).SerializeToString()
    forms = InferForms(REQUEST)
    forms.learn(asked)
    forms.learn(more)
    missing = len(more) - len(asked)
    other = asked + REQUEST(model_name="x" * (missing - 2)).SerializeToString()
    assert len(other) == len(more)
    assert REQUEST.FromString(other).model_name == "x" * (missing - 2)
    assert forms.find(asked) is not None
    assert forms.find(more) is not None
    assert forms.find(other) is None
