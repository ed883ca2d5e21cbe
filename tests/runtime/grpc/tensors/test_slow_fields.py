"""A large message without what is slow to parse is still the message, but for that."""

from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.grpc.messages.pool import pool
from modelbundle.runtime.grpc.tensors import example_inputs, predict_inputs, seldon_request
from modelbundle.runtime.grpc.tensors.large_request import LARGE
from modelbundle.runtime.grpc.tensors.slow_fields import reader, without

PREDICT = pool()["tensorflow.serving.PredictRequest"]
MANY = [7] * LARGE


def predicted(**values):
    said = PREDICT(output_filter=["y"])
    said.model_spec.name = "sums"
    for name, (field, listed) in values.items():
        tensor = said.inputs[name]
        tensor.dtype = 1
        if field == "tensor_content":
            tensor.tensor_content = listed
        else:
            getattr(tensor, field).extend(listed)
    return said


def read(said, slow=predict_inputs.SLOW):
    return reader(slow)(type(said).FromString)(said.SerializeToString())


def test_slow_values_are_left_out_with_all_that_stand_beside_them():
    for field, listed in (
        ("int_val", MANY),
        ("string_val", [b"a"] * LARGE),
        ("bool_val", [True] * LARGE),
    ):
        found = read(predicted(x=(field, listed), y=("float_val", [1.5])))
        assert (found.model_spec.name, list(found.output_filter), len(found.inputs)) == (
            "sums",
            ["y"],
            0,
        )


def test_values_that_are_only_copied_stay():
    """And so do a few slow ones beside them, and those of a small message."""
    for said in (
        predicted(x=("float_val", MANY), n=("int_val", [1, 2])),
        predicted(x=("tensor_content", b"a" * LARGE)),
        predicted(x=("int_val", MANY[:50_000])),
    ):
        assert read(said) == said


def test_of_a_message_of_seldon_no_other_content_is_taken():
    """The last of several counts."""
    message = pool()["seldon.protos.SeldonMessage"]
    text, data = message(strData="a"), message()
    data.meta.puid = "7"
    for number in range(LARGE // 4):
        data.data.ndarray.values.add(number_value=number)
    whole = text.SerializeToString() + data.SerializeToString() + text.SerializeToString()
    found = reader(seldon_request.SLOW)(message.FromString)(whole)
    assert (found.WhichOneof("data_oneof"), found.meta.puid) == (None, "7")
    tensor = message()
    tensor.data.tensor.values.extend(MANY)
    assert read(tensor, seldon_request.SLOW) == tensor


def test_examples_are_left_out():
    said = pool()["tensorflow.serving.ClassificationRequest"]()
    said.model_spec.name = "sums"
    for _ in range(LARGE // 8):
        said.input.example_list.examples.add().features.feature["x"].float_list.value.append(1)
    found = read(said, example_inputs.SLOW)
    assert (found.model_spec.name, found.HasField("input")) == ("sums", False)


@given(st.binary(max_size=60), st.integers(0, LARGE))
def test_nothing_else_is_left_out(noise, place):
    """Whatever the bytes are; of malformed ones nothing is."""
    sent = predicted(x=("int_val", MANY)).SerializeToString()
    data = sent[:place] + noise + sent[place:]
    found = without(data, predict_inputs.SLOW)
    try:
        rest = PREDICT.FromString(data)
    except DecodeError:
        return
    if found != data:
        rest.ClearField("inputs")
    assert PREDICT.FromString(found) == rest
