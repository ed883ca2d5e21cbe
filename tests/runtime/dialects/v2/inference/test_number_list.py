"""Numbers that are cut out of v2's JSON are what they would have been in it, and so is all else."""

import json
from dataclasses import dataclass, field
from math import inf
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.dialects.v2.inference import infer_request, number_list
from modelbundle.runtime.errors import RequestError
from modelbundle.runtime.manifests.settings import ServeSettings

SERVED = SimpleNamespace(name="m", signature=None, settings=ServeSettings(), regions=None)
PADDING = " " * 256
DATATYPES = ("FP32", "FP64", "INT8", "INT64", "UINT8", "UINT64", "BOOL", "BYTES", "FP16", "X")
VALUES = ("0", "1", "-1", "2.5", "-0.0", "300", "1e39", "1e400", "18446744073709551615",
          "9007199254740993", "true", "null", '"1"', "[1]", "01", "1 2", "{}")  # fmt: skip
KEYS = ('"data"', '"data" ', '"dat\\u0061"', '"x\\"data"', '"data":[1],"data"')
AROUND = (
    '{"inputs":[%s]}', '{"id":"data","inputs":[%s]}', '{"inputs":[%s],"parameters":{"data":[1]}}',
    '{"inputs":[%s],"parameters":{"data":0}}', '{"id":"\\"data\\":[1]","inputs":[%s]}',
    '{"data":[1],"inputs":[%s]}', '{"inputs":%s}', "[%s]", '{"inputs":[%s]', '{"inputs":[%s]}]',
    '{"inputs":[%s,{"name":"y","datatype":"INT8","shape":[1],"data":0}]}',
)  # fmt: skip


@dataclass
class Asked:
    """As much of a request as is looked at."""

    body: bytes
    headers: dict = field(default_factory=dict)
    deadline: float = inf
    priority: int = 1


def outcome(body):
    try:
        request = infer_request.read(Asked(body), SERVED)
    except RequestError as error:
        return type(error), error.detail
    tensors = [
        (each.name, each.datatype, list(each.shape), _plain(each.data)) for each in request.tensors
    ]
    return tensors, request.id, request.parameters


def _plain(data):
    return (data.dtype, data.tobytes()) if isinstance(data, np.ndarray) else data


@st.composite
def tensors(draw):
    values = draw(st.lists(st.one_of(
        st.sampled_from(VALUES[:3]), st.sampled_from(VALUES),
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
        st.integers(-(2**63), 2**64).map(str),
    ), max_size=4))  # fmt: skip
    shape = draw(st.sampled_from([[len(values)], [1, len(values)], [3], []]))
    key = draw(st.sampled_from([KEYS[0]] * 6 + list(KEYS)))
    name = draw(st.sampled_from(['"x"', '"data"', '"a]b"']))
    datatype = draw(st.sampled_from(DATATYPES))
    listed = draw(st.sampled_from(["[%s]"] * 5 + ["[ %s ]", "[[%s]]", "%s", "[%s,]"]))
    head = '{"name":%s,"datatype":"%s"' % (name, datatype)  # noqa: UP031  # braces
    return f'{head},"shape":{json.dumps(shape)},{key}: {listed % ",".join(values)}}}'


@given(st.lists(tensors(), max_size=3), st.sampled_from([AROUND[0]] * 6 + list(AROUND)))
def test_all_is_as_if_nothing_had_been_cut(inputs, around):
    body = (around % ",".join(inputs) + PADDING).encode()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(number_list, "_LEAST", inf)
        expected = outcome(body)
    assert outcome(body) == expected


def test_numbers_are_cut_out():
    row = {"name": "x", "datatype": "FP32", "shape": [1, 100], "data": [0.5] * 100}
    document = number_list.parse(json.dumps({"inputs": [row, row | {"name": "y"}]}).encode())
    assert [type(each["data"]) for each in document["inputs"]] == [number_list.NumberList] * 2
    assert document["inputs"][1]["data"].array(np.dtype("f4")).tolist() == [0.5] * 100
