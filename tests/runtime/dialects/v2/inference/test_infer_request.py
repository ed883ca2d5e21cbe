"""Requests of v2 as they are read: whose bytes are whose, and what is wanted."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.data.regions import Place, Regions
from modelbundle.runtime.dialects.tensors.tensor import Tensor, to_raw
from modelbundle.runtime.dialects.v2.inference import infer_request
from modelbundle.runtime.dialects.v2.inference.infer_request import InferRequest, Wanted
from modelbundle.runtime.errors import BadPayload, InvalidInput, NotSupported, PayloadTooLarge
from modelbundle.runtime.manifests.settings import ServeSettings
from modelbundle.runtime.manifests.signature import Field, Side, Signature

SERVED = SimpleNamespace(name="m", signature=None, settings=ServeSettings(), regions=None)
LENGTH = b"inference-header-content-length"


@dataclass
class Asked:
    """As much of a request as is looked at."""

    body: bytes
    headers: dict = field(default_factory=dict)
    deadline: float = inf
    priority: int = 1


def numbers(values):
    array = np.array(values, np.int16)
    return Tensor("", "INT16", array.shape, array)


TENSORS = st.one_of(
    st.lists(st.integers(-300, 300), max_size=4).map(numbers),
    st.lists(st.text("aö", max_size=4).map(str.encode), max_size=4).map(
        lambda values: Tensor("", "BYTES", [len(values)], values)
    ),
)


def written(tensors):
    """The JSON of tensors of which some are binary, and what stands behind it."""
    inputs, blobs = [], b""
    for position, (tensor, is_binary) in enumerate(tensors):
        each = {"name": f"x{position}", "datatype": tensor.datatype, "shape": list(tensor.shape)}
        if is_binary:
            raw = to_raw(tensor)
            blobs += raw
            each["parameters"] = {"binary_data_size": len(raw)}
        elif isinstance(tensor.data, list):
            each["data"] = [value.decode() for value in tensor.data]
        else:
            each["data"] = tensor.data.tolist()
        inputs.append(each)
    return json.dumps({"inputs": inputs}).encode(), blobs


def read(head, blobs=b""):
    return infer_request.read(Asked(head + blobs, {LENGTH: b" %d " % len(head)}), SERVED)


@given(st.lists(st.tuples(TENSORS, st.booleans()), max_size=4), st.binary(max_size=4))
def test_each_tensor_has_its_own_bytes_and_none_is_left(tensors, more):
    """Those in JSON take none; not a byte less, and not a byte more, is a request."""
    head, blobs = written(tensors)
    for given_, expected in zip(read(head, blobs).tensors, tensors, strict=True):
        assert to_raw(given_) == to_raw(expected[0])
    for wrong in (blobs + more, blobs[: -len(more)]) if more else ():
        if wrong != blobs:
            with pytest.raises((BadPayload, InvalidInput)):
                read(head, wrong)


def test_binary_data_need_not_say_their_size():
    """OpenVINO's model server counts the numbers of a shape; a lone input of BYTES has the rest."""

    def tensor(datatype, *shape):
        return {"name": "x", "datatype": datatype, "shape": shape}

    def head(*tensors):
        named = [each | {"name": f"x{place}"} for place, each in enumerate(tensors)]
        return json.dumps({"inputs": named}).encode()

    numbers, texts = np.arange(4, dtype="<i2").tobytes(), b"\2\0\0\0ab\1\0\0\0c"
    first, second = read(head(tensor("INT16", 1, 3), tensor("INT16", 1)), numbers).tensors
    assert (first.data.tolist(), second.data.tolist()) == ([[0, 1, 2]], [3])
    (only,) = read(head(tensor("BYTES", 2)), texts).tensors
    assert only.data == [b"ab", b"c"]
    for wrong, blob in (
        (tensor("INT16", 2), numbers),
        (tensor("INT16", 5), numbers),
        (tensor("INT16", -4), numbers),
        (tensor("BYTES", 1), texts),
        (tensor("INT17", 2), numbers),
        (tensor("INT16", 1), b""),
        (tensor("INT16", 1) | {"data": [7]}, numbers),
    ):
        with pytest.raises((BadPayload, InvalidInput)):
            read(head(wrong), blob)


@given(st.binary(max_size=80), st.binary(max_size=4))
def test_anything_is_read_or_refused(body, length):
    for headers in ({}, {LENGTH: length}):
        with suppress(BadPayload, InvalidInput, NotSupported):
            assert isinstance(infer_request.read(Asked(body, headers), SERVED), InferRequest)


def test_more_tensors_than_any_model_has_are_refused_at_once():
    for most, is_fine in ((4096, True), (4097, False)):
        body = b'{"inputs":[%s]}' % b",".join([b"0"] * most)
        with pytest.raises(InvalidInput, match="expected an object" if is_fine else "up to 4096"):
            infer_request.read(Asked(body), SERVED)


def test_more_rows_than_a_model_takes_are_not_even_read():
    """Each list of Python's takes more room than the few bytes that it stands in."""
    side = Side("array", (Field("x", "int16", (None, 1)),))
    values = b",".join([b"[1]"] * (1 << 18))
    one = b'{"name":"x","datatype":"INT16","shape":[%d,1],"data":[%b]}' % (1 << 18, values)
    body = b'{"inputs":[%b]}' % one
    served = SimpleNamespace(
        name="m", signature=Signature(side, side), settings=ServeSettings(), regions=None
    )
    with pytest.raises(PayloadTooLarge):
        infer_request.read(Asked(body), served)


@pytest.mark.parametrize(
    ("is_binary", "outputs", "has_json"),
    [
        (False, [], True),
        (True, [], False),
        (True, [None], False),
        (True, [True], False),
        (True, [None, False], True),
        (False, [True], False),
        (False, [True, None], True),
    ],
)
def test_json_is_wanted_where_one_output_is(is_binary, outputs, has_json):
    wanted = [Wanted("y", each) for each in outputs]
    assert InferRequest((), outputs=wanted, is_binary=is_binary).has_json == has_json


def test_places_are_wanted_where_one_output_has_one():
    place = Place(Regions(), "r", 0, 1)
    assert InferRequest((), outputs=[Wanted("y"), Wanted("z", place=place)]).has_places
    assert not InferRequest((), outputs=[Wanted("y")]).has_places


def test_another_process_is_told_all_but_the_tensors():
    wanted = [Wanted("y", True, 3), Wanted("z")]
    request = InferRequest((), "7", wanted, True, {"a": 1})
    assert InferRequest.from_json(json.loads(json.dumps(request.to_json()))) == request


@pytest.mark.parametrize(
    ("parameters", "is_sooner", "priority"),
    [
        ({}, False, 1),
        ({"timeout": 0, "priority": 0}, False, 1),
        ({"timeout": 1}, True, 1),
        ({"timeout": "1", "priority": "1"}, True, 0),
        ({"priority": 3}, False, 2),
        ({"priority": 2**40}, False, 3),
    ],
)
def test_wishes_are_heeded(parameters, is_sooner, priority):
    """A time in microseconds, and a place in line, of which 1 is the first; 0 is no wish."""
    queue = SimpleNamespace(priorities=True)
    served = SimpleNamespace(settings=SimpleNamespace(queue=queue))
    asked = Asked(b"", deadline=1e300)
    infer_request.heed(parameters, asked, served)
    assert (asked.deadline < 1e300, asked.priority) == (is_sooner, priority)
    queue.priorities = False
    asked = Asked(b"", deadline=-1e300)
    infer_request.heed(parameters, asked, served)
    assert (asked.deadline, asked.priority) == (-1e300, 1), "nobody gets more time than there is"


@pytest.mark.parametrize(
    ("shape", "data", "values"),
    [
        (-1, "one text", [b"one text"]),
        ([-1], "one text", [b"one text"]),
        ([-1], ["a", "b"], [b"a", b"b"]),
        (-1, ["a"], [b"a"]),
    ],
)
def test_texts_without_a_number_of_them_are_as_many_as_there_are(shape, data, values):
    """As KServe's examples for TorchServe send them."""
    given = {"name": "x", "datatype": "BYTES", "shape": shape, "data": data}
    (tensor,) = infer_request.read(Asked(json.dumps({"inputs": [given]}).encode()), SERVED).tensors
    assert (list(tensor.shape), tensor.data) == ([len(values)], values)


@pytest.mark.parametrize(
    ("datatype", "shape", "data"),
    [
        ("INT32", [-1], [1]),
        ("BYTES", [-1, 1], ["a"]),
        ("BYTES", [-2], ["a"]),
        ("BYTES", [-1], None),
        ("BYTES", [-1], {}),
        ("BYTES", -2, "a"),
    ],
)
def test_no_other_shape_is_guessed(datatype, shape, data):
    given = {"name": "x", "datatype": datatype, "shape": shape, "data": data}
    with pytest.raises(InvalidInput):
        infer_request.read(Asked(json.dumps({"inputs": [given]}).encode()), SERVED)
