"""Tensors of the Open Inference Protocol, decoded from and encoded to messages.

Either all tensors of a message are raw (one bytes field each, which `dialects.tensors.tensor`
reads) or all have `contents`: lists, one for each kind of number.
"""

import base64
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from ...data.regions import Place
from ...dialects.memory import Memory
from ...dialects.tensors.tensor import (
    DTYPES,
    LONGEST,
    Tensor,
    from_raw,
    itemsize_of,
    size,
    to_raw,
    unknown_datatype,
)
from ...errors import InvalidInput
from ...printable import printable
from . import packed, parameters

_FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
_STRINGS = "BYTES"
_HALVES = frozenset({"FP16", "BF16"})


def read(request: Any, memory: Memory | None = None) -> list[Tensor]:
    """The inputs of a ModelInferRequest; raw numbers are views of the message's bytes.

    Raises:
        InvalidInput: when something in it is not what it says.
        BadPayload: when raw bytes are not as many as they should be.
        RequestError: for what `memory` does not have.
    """
    raw, inputs, model = request.raw_input_contents, request.inputs, request.model_name
    named = [_named(each, memory) for each in inputs]
    wanted = named.count(None)
    if raw and len(raw) != wanted:
        raise InvalidInput(
            f"expected as many raw_input_contents as inputs, {wanted}, got {len(raw)}."
        )
    following = iter(raw)
    found = []
    for each, placed in zip(inputs, named, strict=True):
        data = next(following, None) if placed is None else placed
        found.append(_of_contents(each) if data is None else _of_raw(each, data, model))
    return found


def _named(item: Any, memory: Memory | None) -> bytes | None:
    """The raw form of an input that the request only names."""
    if memory is None or not item.parameters:
        return None
    return memory.read(parameters.values(item.parameters))


def is_raw(request: Any) -> bool:
    """Whether its values are raw, be it in shared memory."""
    return bool(request.raw_input_contents) or has_regions(request)


def has_regions(request: Any) -> bool:
    """Whether values are in shared memory."""
    return any("shared_memory_region" in each.parameters for each in request.inputs)


def is_long(request: Any) -> bool:
    """Whether its values are read one by one, where there may be many."""
    return not request.raw_input_contents or any(i.datatype == _STRINGS for i in request.inputs)


def _of_raw(item: Any, data: bytes, model: str) -> Tensor:
    if item.HasField("contents"):
        raise InvalidInput(f"{_shown(item)}: contents and raw_input_contents exclude each other.")
    return from_raw(item.name, item.datatype, tuple(item.shape), data, model)


def _of_contents(item: Any) -> Tensor:
    shown, datatype, shape = _shown(item), item.datatype, tuple(item.shape)
    wanted = _FIELDS.get(datatype)
    if datatype in _HALVES:
        raise InvalidInput(f"{shown}: {datatype} is sent in raw_input_contents only.")
    if wanted is None:
        raise unknown_datatype(shown, datatype)
    for field, _ in item.contents.ListFields():
        if field.name != wanted:
            raise InvalidInput(f"{shown}: expected {wanted} for {datatype}, got {field.name}.")
    values = getattr(item.contents, wanted)
    count = size(shown, shape, itemsize_of(datatype))
    if count != len(values):
        raise InvalidInput(f"{shown}: expected {count} values for its shape, got {len(values)}.")
    if datatype == _STRINGS:
        return Tensor(item.name, datatype, shape, _strings(shown, item, packed.listed(values)))
    return Tensor(
        item.name, datatype, shape, _numbers(shown, item.contents, datatype).reshape(shape)
    )


def _strings(shown: str, item: Any, values: list[bytes]) -> list[bytes]:
    """Values of BYTES; MLServer's clients may say that they are base64."""
    named = item.parameters
    if "content_type" not in named or named["content_type"].string_param != "base64":
        return values
    try:
        return [base64.b64decode(each, validate=True) for each in values]
    except ValueError:
        raise InvalidInput(f"{shown}: expected base64.") from None


def _numbers(shown: str, contents: Any, datatype: str) -> np.ndarray:
    try:
        return packed.read(contents, _FIELDS[datatype], DTYPES[datatype])
    except OverflowError:
        raise InvalidInput(f"{shown}: a value is beyond what {datatype} holds.") from None


def _shown(item: Any) -> str:
    return printable(item.name[:LONGEST])


def count(outputs: Sequence[Tensor]) -> int:
    """How many values there are, of all."""
    return sum(len(o.data) if isinstance(o.data, list) else o.data.size for o in outputs)


def write(
    response: Any,
    tensors: Sequence[Tensor],
    places: Mapping[str, Place] = MappingProxyType({}),
    *,
    is_raw: bool,
) -> None:
    """Put the outputs into a ModelInferResponse; raw where contents cannot hold one of them.

    Raises:
        InvalidInput: for one that its place is too small for.
    """
    is_raw = is_raw or any(each.datatype not in _FIELDS for each in tensors)
    for each in tensors:
        message = response.outputs.add(name=each.name, datatype=each.datatype, shape=each.shape)
        place = places.get(each.name)
        if place is not None:
            raw = to_raw(each)
            place.write(raw, each.name)
            parameters.write(message.parameters, place.parameters(len(raw)))
            if is_raw:
                response.raw_output_contents.append(b"")  # each output has its own
        elif is_raw:
            response.raw_output_contents.append(to_raw(each))
        elif each.datatype == "BYTES":
            message.contents.bytes_contents.extend(each.data)
        else:
            values = np.asarray(each.data).ravel()
            packed.write(message.contents, _FIELDS[each.datatype], values)
