"""Answers of v2: what was asked for, in the order and the form in which it was."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelbundle.runtime.dialects.tensors.tensor import DTYPES, Tensor
from modelbundle.runtime.dialects.v2.inference.batch_answer import BatchAnswer
from modelbundle.runtime.dialects.v2.inference.infer_answer import InferAnswer
from modelbundle.runtime.dialects.v2.inference.infer_request import InferRequest, Wanted
from modelbundle.runtime.errors import InvalidInput, PredictionFailed

KINDS = {np.dtype(dtype.str[1:]): kind for kind, dtype in DTYPES.items()}
SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, max_side=3)
WANTED = st.builds(Wanted, st.just("y%1"), st.sampled_from([None, False, True]))
REQUESTS = st.builds(
    InferRequest,
    st.just(()),
    st.one_of(st.none(), st.text(max_size=3)),
    st.lists(WANTED, max_size=1),
    st.booleans(),
)


@given(st.data(), st.sampled_from(sorted(KINDS, key=str)), SHAPES, REQUESTS, st.booleans())
def test_rows_of_a_batch_are_told_as_if_each_request_had_been_alone(
    drawn, dtype, shape, request, nan_as_null
):
    """To the byte: nobody can tell who was in the batch."""
    array = drawn.draw(arrays.arrays(dtype, shape))
    whole = Tensor("y%1", KINDS[dtype], array.shape, array)
    batch = BatchAnswer.of("m%d", '1"', whole, nan_as_null=nan_as_null)
    if batch is None or not batch.takes(request):
        return
    start = drawn.draw(st.integers(0, len(array) - 1))
    stop = drawn.draw(st.integers(start + 1, len(array)))
    own = array[start:stop]
    alone = InferAnswer("m%d", '1"', [Tensor("y%1", KINDS[dtype], own.shape, own)], nan_as_null)
    assert batch.reply(request, start, stop) == alone.reply(request)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_json_has_no_word_for_is_null_only_where_that_was_said(value):
    array = np.array([1.0, value])
    tensor = Tensor("y", "FP64", array.shape, array)
    assert BatchAnswer.of("m", "1", tensor, nan_as_null=False) is None
    with pytest.raises(PredictionFailed):
        InferAnswer("m", "1", [tensor]).reply(InferRequest(()))
    told = InferAnswer("m", "1", [tensor], nan_as_null=True).reply(InferRequest(()))
    assert json.loads(told.body)["outputs"][0]["data"] == [1.0, None]
    raw = InferAnswer("m", "1", [tensor]).reply(InferRequest((), is_binary=True))
    assert raw.body.endswith(array.tobytes())


ANSWER = InferAnswer(
    "m",
    "1",
    [
        Tensor("a", "INT8", (2,), np.array([1, 2], np.int8)),
        Tensor("b", "BYTES", (1,), [b"text"]),
        Tensor("c", "FP16", (1,), np.array([1.5], np.float16)),
    ],
)


def test_outputs_come_as_they_were_asked_for():
    """Blobs in the order of the outputs that have one."""
    wanted = [Wanted("c", True), Wanted("b"), Wanted("a", True)]
    reply = ANSWER.reply(InferRequest((), "", wanted))
    ((name, length),) = reply.headers
    assert name == b"inference-header-content-length"
    head, blobs = json.loads(reply.body[: int(length)]), reply.body[int(length) :]
    assert head == {
        "model_name": "m",
        "model_version": "1",
        "id": "",
        "outputs": [
            {"name": "c", "datatype": "FP16", "shape": [1],
             "parameters": {"binary_data_size": 2}},
            {"name": "b", "datatype": "BYTES", "shape": [1], "data": ["text"]},
            {"name": "a", "datatype": "INT8", "shape": [2],
             "parameters": {"binary_data_size": 2}},
        ],
    }  # fmt: skip
    assert blobs == np.float16(1.5).tobytes() + b"\1\2"
    head = json.loads(ANSWER.reply(InferRequest((), outputs=[Wanted("a")])).body)
    assert "id" not in head
    assert head["outputs"] == [{"name": "a", "datatype": "INT8", "shape": [2], "data": [1, 2]}]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ([Wanted("a"), Wanted("x\n")], r"unexpected inference output 'x\\n' .* `a`, `b`, `c`"),
        ([Wanted("a"), Wanted("a")], "output 'a' already exists"),
        ([Wanted("c")], "FP16 has no JSON"),
        ([], "FP16 has no JSON"),
    ],
)
def test_what_cannot_be_told_is_refused(wanted, said):
    with pytest.raises(InvalidInput, match=said):
        ANSWER.reply(InferRequest((), outputs=wanted))
