"""Tensors in messages of both protocols: what goes in comes out, whatever its kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelbundle.runtime.dialects.tensors.tensor import DTYPES, Tensor
from modelbundle.runtime.errors import RequestError
from modelbundle.runtime.grpc.messages.pool import pool
from modelbundle.runtime.grpc.tensors import open_inference as tensors
from modelbundle.runtime.grpc.tensors import tensor_proto
from modelbundle.runtime.grpc.tensors.tensor_proto import DATA_TYPES

SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
NUMBERS = st.sampled_from(sorted(DTYPES)).flatmap(
    lambda kind: arrays.arrays(DTYPES[kind], SHAPES).map(
        lambda array: Tensor("x", kind, array.shape, array)
    )
)
HALVES = arrays.arrays(np.float32, SHAPES, elements=st.sampled_from([0.0, 1.5, -2.0, 384.0])).map(
    lambda array: Tensor("x", "BF16", array.shape, array)
)
STRINGS = st.lists(st.binary(max_size=9), max_size=5).map(
    lambda values: Tensor("x", "BYTES", (len(values),), values)
)


def same(one, two):
    if one.datatype == "BYTES":
        return list(one.data) == list(two.data)
    return np.array_equal(np.asarray(one.data), two.data, equal_nan=one.datatype[0] in "FB")


def as_request(response):
    """What was answered, asked: outputs as inputs."""
    asked = pool()["inference.ModelInferRequest"]()
    for each in response.outputs:
        asked.inputs.add().ParseFromString(each.SerializeToString())
    asked.raw_input_contents.extend(response.raw_output_contents)
    return asked


@given(st.lists(st.one_of(NUMBERS, HALVES, STRINGS), min_size=1, max_size=3), st.booleans())
def test_what_is_written_is_read(written, is_raw):
    """Raw and as contents; where one of them has no contents, all are raw."""
    response = pool()["inference.ModelInferResponse"]()
    tensors.write(response, written, is_raw=is_raw)
    raw = is_raw or any(each.datatype in {"FP16", "BF16"} for each in written)
    assert len(response.raw_output_contents) == (len(written) if raw else 0)
    found = tensors.read(as_request(response))
    assert [(each.name, each.datatype) for each in found] == [
        (each.name, each.datatype) for each in written
    ]
    assert all(same(*each) for each in zip(written, found, strict=True))


@given(st.one_of(NUMBERS, HALVES, STRINGS))
def test_tensorflow_s_are_written_and_read(written):
    """In the list of their kind."""
    said = pool()["tensorflow.TensorProto"]()
    tensor_proto.write(said, written)
    assert not said.tensor_content
    found = tensor_proto.read("x", said)
    assert (found.datatype, list(found.shape)) == (written.datatype, list(written.shape))
    assert same(written, found)


@given(NUMBERS)
def test_tensorflow_s_content_is_read(written):
    """Raw, as most clients send it."""
    said = pool()["tensorflow.TensorProto"]()
    tensor_proto.write(said, written)
    whole = pool()["tensorflow.TensorProto"](dtype=said.dtype, tensor_shape=said.tensor_shape)
    whole.tensor_content = np.ascontiguousarray(written.data).tobytes()
    if whole.tensor_content:
        assert same(written, tensor_proto.read("x", whole))


def proto(dtype, *shape, **more):
    said = pool()["tensorflow.TensorProto"](dtype=dtype, **more)
    for size in shape:
        said.tensor_shape.dim.add(size=size)
    return said


def test_one_value_stands_for_all():
    """The last one, for all that are missing; for a scalar, too."""
    said = proto(DATA_TYPES["DT_FLOAT"], 2, 2, float_val=[1, 2])
    assert tensor_proto.read("x", said).data.tolist() == [[1.0, 2.0], [2.0, 2.0]]
    assert tensor_proto.read("x", proto(DATA_TYPES["DT_INT32"], int_val=[7])).data.tolist() == 7


@pytest.mark.parametrize(
    "said",
    [
        proto(0, 1, float_val=[1]),
        proto(DATA_TYPES["DT_COMPLEX64"], 1),
        proto(99, 1),
        proto(DATA_TYPES["DT_FLOAT"], 2),
        proto(DATA_TYPES["DT_FLOAT"], 1, float_val=[1, 2]),
        proto(DATA_TYPES["DT_FLOAT"], -1, float_val=[1]),
        proto(DATA_TYPES["DT_FLOAT"], 1 << 40, float_val=[1]),
        proto(DATA_TYPES["DT_FLOAT"], 1 << 62, 1 << 62, float_val=[1]),
        proto(DATA_TYPES["DT_FLOAT"], *[1] * 70, float_val=[1]),
        proto(DATA_TYPES["DT_INT8"], 1, int_val=[1000]),
        proto(DATA_TYPES["DT_HALF"], 1, half_val=[1 << 20]),
        proto(DATA_TYPES["DT_HALF"], 1, half_val=[-1]),
        proto(DATA_TYPES["DT_STRING"], 1, tensor_content=b"a"),
        proto(DATA_TYPES["DT_FLOAT"], 2, tensor_content=b"1234"),
    ],
)
def test_what_is_wrong_is_refused(said):
    """Whatever it says, and without the memory that it speaks of."""
    with pytest.raises(RequestError) as found:
        tensor_proto.read("x", said)
    assert found.value.status in {400, 422}


def test_an_unknown_rank_is_refused():
    """There is nothing that it could be held against."""
    said = proto(DATA_TYPES["DT_FLOAT"], float_val=[1])
    said.tensor_shape.unknown_rank = True
    with pytest.raises(RequestError):
        tensor_proto.read("x", said)


def test_bytes_in_base64_are_what_they_stand_for():
    """Where a parameter says so, as MLServer's clients do."""
    asked = pool()["inference.ModelInferRequest"]()
    said = asked.inputs.add(name="x", datatype="BYTES", shape=[1])
    said.parameters["content_type"].string_param = "base64"
    said.contents.bytes_contents.append(b"/9g=")
    assert tensors.read(asked)[0].data == [b"\xff\xd8"]
    said.contents.bytes_contents[0] = b"/9g"
    with pytest.raises(RequestError, match="base64"):
        tensors.read(asked)


@pytest.mark.parametrize("is_last", [True, False])
def test_floats_behind_which_something_stands(is_last):
    """Of a field that nobody knows, too."""
    values = [1.5, -2.0, float("inf")]
    said = pool()["inference.ModelInferRequest"]().inputs.add(name="x", datatype="FP32", shape=[3])
    said.contents.fp32_contents.extend(values)
    if not is_last:
        said.contents.MergeFromString(b"\xfa\x01\x02hi")  # the field 31
    request = pool()["inference.ModelInferRequest"](inputs=[said])
    (found,) = tensors.read(request)
    assert found.data.tolist() == values
    assert found.data.flags.writeable


@pytest.mark.parametrize("kind", ["FP32", "FP64", "INT8", "UINT64", "BOOL"])
def test_more_than_is_read_at_a_time(kind):
    """Of every form of number on the wire."""
    array = np.arange(40_000).astype(DTYPES[kind])
    response = pool()["inference.ModelInferResponse"]()
    tensors.write(response, [Tensor("x", kind, array.shape, array)], is_raw=False)
    (found,) = tensors.read(as_request(response))
    assert found.data.tolist() == array.tolist()
