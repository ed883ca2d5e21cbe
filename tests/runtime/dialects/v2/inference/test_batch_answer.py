"""The answers to a batch are written as each would be alone."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbundle.runtime.dialects.tensors.tensor import Tensor
from modelbundle.runtime.dialects.v2.inference.batch_answer import BatchAnswer
from modelbundle.runtime.dialects.v2.inference.infer_answer import InferAnswer
from modelbundle.runtime.dialects.v2.inference.infer_request import InferRequest, Wanted

DATATYPES = {
    "FP32": "f4", "FP64": "f8", "FP16": "f2", "INT8": "i1", "UINT64": "u8", "INT32": "i4",
    "BOOL": "?", "BF16": "f4",
}  # fmt: skip


@st.composite
def tensors(draw):
    """A tensor of numbers, and the rows `start:stop` of it."""
    datatype = draw(st.sampled_from(sorted(DATATYPES)))
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    raw = np.random.default_rng(draw(st.integers(0, 1 << 30))).bytes(64 * 8)
    array = np.frombuffer(raw, "u1" if datatype == "BOOL" else DATATYPES[datatype])
    array = array[: np.prod(shape)].reshape(shape)
    array = array % 2 == 0 if datatype == "BOOL" else array
    start = draw(st.integers(0, len(array) - 1))
    name = draw(st.text(max_size=5))
    return Tensor(name, datatype, array.shape, array), start, draw(st.integers(start + 1, 5))


@settings(max_examples=200, deadline=None)
@given(
    part=tensors(),
    said=st.none() | st.text(max_size=5),
    is_binary=st.booleans(),
    wanted=st.sampled_from([[], [None], [True], [False]]),
    null=st.booleans(),
)
def test_rows_of_a_batch_are_written_as_they_are_alone(part, said, is_binary, wanted, null):
    """Whatever `BatchAnswer` takes, `InferAnswer` writes alike."""
    tensor, start, stop = part
    stop = min(stop, len(tensor.data))
    asked = InferRequest([], said, [Wanted(tensor.name, each) for each in wanted], is_binary)
    whole = BatchAnswer.of("m", "1", tensor, nan_as_null=null)
    if whole is None:
        assert tensor.datatype in {"FP16", "BF16"} or not np.isfinite(tensor.data).all()
        return
    assert whole.takes(asked)
    rows = tensor.data[start:stop]
    own = Tensor(tensor.name, tensor.datatype, rows.shape, rows)
    assert whole.reply(asked, start, stop) == InferAnswer("m", "1", [own], null).reply(asked)
