"""Values: what an answer holds, as Python and NumPy have it."""

import numpy as np
import orjson
import pytest

from modelbundle.bundler.client import values
from modelbundle.bundler.client.contract import Route
from modelbundle.bundler.client.wire.failures import ClientError
from modelbundle.bundler.client.wire.reply import Reply
from modelbundle.runtime.manifests.signature import Field, Side

ANY = Side("array", (Field("y", "object", (None,)),))
BYTES = Side("array", (Field("y", "bytes", (None, 1)),))
PAIR = Side("tensors", (Field("raw", "bytes", (None,)), Field("n", "uint64", (None,))))


def answered(side, predictions, shape="auto"):
    body = orjson.dumps({"predictions": predictions})
    reply = Reply(200, {"content-type": "application/json"}, body)
    return values.value(Route("/predict", outputs=side), reply, shape)


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [
        ([1, "a", True], "object"),
        (["a", "b\0"], "object"),
        ([1, 2**64 - 1], "object"),
        ([2**53 + 1, 0.5], "object"),
        ([1, 2.5], "float64"),
        ([1, None], "object"),
        ([[1], [1, 2]], "object"),
        (["low", "high"], "<U4"),
        ([True, False], "bool"),
    ],
)
def test_labels_are_an_array_of_the_values_that_came(labels, dtype):
    found = answered(ANY, labels)
    assert (found.tolist(), found.dtype) == (labels, np.dtype(dtype))


def test_bytes_come_back_as_bytes():
    assert answered(BYTES, [[{"b64": "AP8A"}]]).tolist() == [[b"\0\xff\0"]]
    row = {"raw": {"b64": "YQA="}, "n": 2**64 - 1}
    assert answered(PAIR, [row]) == [{"raw": b"a\0", "n": 2**64 - 1}]
    arrays = answered(PAIR, [row, row | {"n": 1}], "numpy")
    assert arrays["n"].tolist() == [2**64 - 1, 1]
    assert arrays["raw"].tolist() == [b"a\0", b"a\0"]


@pytest.mark.parametrize("wrong", [{"b64": 1}, {"b64": "a"}, {"b": ""}, 7])
def test_what_is_no_base64_is_the_servers_error(wrong):
    with pytest.raises(ClientError, match="base64"):
        answered(PAIR, [{"raw": wrong, "n": 1}] if wrong != 7 else [7])
