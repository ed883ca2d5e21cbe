"""InferRequest: decodes a request in JSON, in JSON and binary data, or raw.

Source: Triton, docs/protocol/extension_binary_data.md and extension_parameters.md.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from ....data.codecs import instances
from ....data.regions import Place
from ....data.rows import extent, free_values
from ....errors import BadPayload, InvalidInput, NotSupported, PayloadTooLarge
from ....printable import printable
from ... import sequence
from ...dialect_request import DialectRequest
from ...memory import Memory
from ...served import Served
from ...tensors.output import Spec, specs
from ...tensors.tensor import BF16_SIZE, DTYPES, Tensor, from_raw, itemsize_of
from . import json_data, number_list

REGION = b"shared_memory_region"
HEADER_LENGTH = b"inference-header-content-length"
INPUT = "input"  # the name of an only input without a name
_MOST_TENSORS = 4096
_OF_A_TENSOR = 4  # lists and objects: itself, its shape, its parameters, its data
_LARGE = 1 << 20  # bytes; what less of them become is no burden
_MOST_LISTS = 1 << 20
_LONGEST = 128  # characters of what an error repeats
_LEAST = 3  # priority
_SIMPLE = frozenset({str, int, float, bool})  # types of parameters


@dataclass(frozen=True, slots=True)
class Wanted:
    """A requested output: whether as binary data, how many classes, and its place."""

    name: str
    is_binary: bool | None = None  # None: as all the others
    classes: int = 0
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class InferRequest:
    """One request for a prediction.

    outputs          the requested ones; empty = all
    is_binary        whether outputs without a setting of their own are binary
    """

    tensors: Sequence[Tensor]
    id: str | None = None
    outputs: Sequence[Wanted] = ()
    is_binary: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_json(self) -> bool:
        """Whether any output is wanted in JSON."""
        wishes = [each.is_binary for each in self.outputs] or [None]
        return any(not (self.is_binary if each is None else each) for each in wishes)

    @property
    def has_places(self) -> bool:
        """Whether any output goes to shared memory."""
        return any(each.place is not None for each in self.outputs)

    def to_json(self) -> dict[str, Any]:
        """All but the tensors and the places, for another process."""
        outputs = [(each.name, each.is_binary, each.classes) for each in self.outputs]
        document = {"id": self.id, "outputs": outputs, "is_binary": self.is_binary}
        heeded = {name: each for name, each in self.parameters.items() if type(each) in _SIMPLE}
        return document | {"parameters": heeded}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What `to_json` wrote."""
        outputs = [Wanted(*each) for each in document["outputs"]]
        return cls((), document["id"], outputs, document["is_binary"], document["parameters"])


def read(dialect_request: DialectRequest, served: Served) -> InferRequest:
    """Decode a body.

    Raises:
        BadPayload: when it has none of the three forms.
        InvalidInput: when a tensor does not match its description.
        NotSupported: for shared memory, and for a part of a sequence.
    """
    request = _read(dialect_request.body, dialect_request.headers.get(HEADER_LENGTH), served)
    heed(request.parameters, dialect_request, served)
    return request


def _read(body: bytes, header: bytes | None, served: Served) -> InferRequest:
    if header is None:
        return of_json(body, served)
    length = _length(header, len(body))
    if not length:
        return InferRequest([_raw(body, served)], is_binary=True)
    return of_json(bytes(body[:length]), served, memoryview(body)[length:])


def _length(header: bytes, most: int) -> int:
    value = header.strip()
    if not value.isdigit() or len(value) > 18 or int(value) > most:  # noqa: PLR2004  any memory
        shown = printable(value.decode("latin-1"))[:_LONGEST]
        raise BadPayload(f"Inference-Header-Content-Length is from 0 to {most}, got {shown}.")
    return int(value)


def of_json(text: bytes, served: Served, rest: bytes | memoryview = b"") -> InferRequest:
    """Decode JSON, and the binary data behind it; its parameters are not applied yet.

    Raises:
        RequestError: as `read`.
    """
    _check_extent(text, served)
    try:
        return _of_document(number_list.parse(text), rest, served)
    except number_list.NotNumbers:
        return _of_document(instances.parse(text), rest, served)


def _of_document(document: Any, rest: bytes | memoryview, served: Served) -> InferRequest:
    if type(document) is not dict:
        raise InvalidInput('Expected a JSON object with "inputs".')
    inputs = document.get("inputs")
    if type(inputs) is not list:
        raise InvalidInput("inputs: expected a list of tensors.")
    most = _most_tensors(served)
    if len(inputs) > most:
        raise InvalidInput(f"inputs: expected up to {most} tensors, got {len(inputs)}.")
    tensors, start, memory = [], 0, Memory(served)
    for position, each in enumerate(inputs):
        tensor, start = _tensor(each, f"inputs[{position}]", rest, start, memory)
        tensors.append(tensor)
    if start != len(rest):
        raise BadPayload(
            f"unexpected additional input data for model '{served.name}': "
            f"{len(rest) - start} bytes."
        )
    parameters = _parameters(document, "parameters")
    name = document.get("id")
    if name is not None and type(name) is not str:
        raise InvalidInput("id: expected a string.")
    return InferRequest(
        tensors,
        name,
        _outputs(document.get("outputs"), memory),
        _flag(parameters, "binary_data_output", "parameters") or False,
        parameters,
    )


def _check_extent(text: bytes, served: Served) -> None:
    """Refuse bodies with more lists and objects than rows have, before they fill the memory.

    Raises:
        PayloadTooLarge: from a million, if the number cannot be limited.
    """
    if len(text) < _LARGE:
        return
    if served.signature is not None:
        rows = served.settings.max_rows + _OF_A_TENSOR * _most_tensors(served)
        extent.check(served.signature.inputs, rows, text)
    if text.count(b"[") + text.count(b"{") > _MOST_LISTS:
        raise PayloadTooLarge(f"The body has more than {_MOST_LISTS} lists and objects.")


def _most_tensors(served: Served) -> int:
    """One for each column of the widest table, and more than any other model has."""
    signature = served.signature
    return max(_MOST_TENSORS, len(signature.inputs.fields) if signature is not None else 0)


# --- inputs ---


def _tensor(
    document: Any, where: str, rest: bytes | memoryview, start: int, memory: Memory
) -> tuple[Tensor, int]:
    """One input, and where the next one's binary data begin."""
    if type(document) is not dict:
        raise InvalidInput(f"{where}: expected an object.")
    name, datatype, shape = document.get("name"), document.get("datatype"), _shape(document)
    if type(name) is not str or not name:
        raise InvalidInput(f"{where}: expected `name` to be a string.")
    if type(datatype) is not str:
        raise InvalidInput(f"{where}: expected `datatype` to be a string.")
    if type(shape) is not list or not all(type(each) is int for each in shape):
        raise InvalidInput(f"{where}: expected `shape` to be a list of whole numbers.")
    parameters = _parameters(document, f"{where}.parameters")
    named = memory.read(parameters)
    if named is not None:
        return from_raw(name, datatype, shape, named, memory.model), start
    length = parameters.get("binary_data_size", _implied(document, len(rest) - start))
    if length is None:
        if "data" not in document and math.prod(shape):
            raise InvalidInput(f"{where}: `data` is missing.")
        is_base64 = parameters.get("content_type") == "base64"
        data = document.get("data")
        return json_data.read(name, datatype, shape, data, is_base64=is_base64), start
    if type(length) is not int or length < 0:
        raise InvalidInput(f"{where}: expected `binary_data_size` to be a number of bytes.")
    stop = start + length
    if stop > len(rest):
        raise BadPayload(
            f"unexpected size for input '{printable(name[:_LONGEST])}': {length} bytes were "
            f"announced, {len(rest) - start} are left."
        )
    return from_raw(name, datatype, shape, memoryview(rest)[start:stop], memory.model), stop


def _shape(tensor: Mapping[str, Any]) -> Any:
    """The shape; -1 for strings means their number, as sent by clients of KServe's TorchServe."""
    shape, data = tensor.get("shape"), tensor.get("data")
    if (
        tensor.get("datatype") != "BYTES"
        or shape not in (-1, [-1])
        or type(data) not in {list, str}
    ):
        return shape
    return [len(data) if type(data) is list else 1]


def _implied(tensor: Mapping[str, Any], left: int) -> int | None:
    """The length of binary data without a size, as sent by clients of OpenVINO's model server.

    Numbers have as many as their shape says; BYTES, which such a request has once, all that are
    `left`. None where there are no binary data.
    """
    if "data" in tensor or not left:
        return None
    itemsize = itemsize_of(tensor["datatype"])
    return max(0, itemsize * math.prod(tensor["shape"])) if itemsize else left


def _raw(body: bytes, served: Served) -> Tensor:
    """The only input of a model, from a body of raw bytes."""
    if served.signature is None:
        raise NotSupported(f"`{served.name}` takes bodies of its own form, not tensors.")
    known = specs(served.signature.inputs, INPUT)
    if len(known) != 1:
        raise BadPayload(
            "Raw request must only have 1 input (found 1) to be deduced but got "
            f"{len(known)} inputs in '{served.name}' model configuration."
        )
    (spec,) = known
    if spec.datatype == "BYTES":
        if any(size != 1 for size in spec.shape[1:]):
            raise BadPayload(
                f"For BYTE datatype raw input '{spec.name}', the model must have input shape [1]."
            )
        return Tensor(spec.name, "BYTES", [1] * len(spec.shape), [bytes(body)])
    shape = _raw_shape(spec, len(body))
    return from_raw(spec.name, spec.datatype, shape, body, served.name)


def _raw_shape(spec: Spec, length: int) -> list[int]:
    """One row where its size may vary, else as many as there are."""
    itemsize = BF16_SIZE if spec.datatype == "BF16" else DTYPES[spec.datatype].itemsize
    free = [axis for axis, size in enumerate(spec.shape) if size < 0 and axis]
    if len(free) > 1:
        raise BadPayload(
            f"The shape of the raw input '{spec.name}' can not be deduced because there are more "
            "than one variable-sized dimension."
        )
    shape = [1 if size < 0 else size for size in spec.shape]
    count, rest = divmod(length, itemsize * (math.prod(shape) or 1))
    if rest:
        raise BadPayload(f"A raw body of {length} bytes has no whole number of values.")
    if free or spec.shape[0] < 0:
        shape[free[0] if free else 0] = count
    return shape


# --- outputs and parameters ---


def _outputs(outputs: Any, memory: Memory) -> list[Wanted]:
    if outputs is None:
        return []
    if type(outputs) is not list or len(outputs) > _MOST_TENSORS:
        raise InvalidInput("outputs: expected a list.")
    return [_output(each, f"outputs[{position}]", memory) for position, each in enumerate(outputs)]


def _output(output: Any, where: str, memory: Memory) -> Wanted:
    if type(output) is not dict or type(output.get("name")) is not str:
        raise InvalidInput(f"{where}: expected an object with a `name`.")
    parameters = _parameters(output, f"{where}.parameters")
    place = memory.place(parameters)
    classes = parameters.get("classification", 0)
    if type(classes) is not int or classes < 0:
        raise InvalidInput(f"{where}: expected `classification` to be a number of classes.")
    return Wanted(output["name"], _flag(parameters, "binary_data", where), classes, place)


def _parameters(document: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    parameters = document.get("parameters")
    if parameters is None:
        return {}
    if type(parameters) is not dict:
        raise InvalidInput(f"{where}: expected an object.")
    for name in parameters:
        if name.startswith("triton_"):
            raise InvalidInput(
                f"{where}: parameter keys starting with 'triton_' are reserved for Triton."
            )
        if type(parameters[name]) is int:
            free_values.check_one(parameters[name], f"{where}.{printable(name[:_LONGEST])}")
    return parameters


def _flag(parameters: Mapping[str, Any], name: str, where: str) -> bool | None:
    value = parameters.get(name)
    if value is not None and type(value) is not bool:
        raise InvalidInput(f"{where}: expected `{name}` to be true or false.")
    return value


def heed(parameters: Mapping[str, Any], dialect_request: DialectRequest, served: Served) -> None:
    """Apply the parameters of a request.

    Raises:
        InvalidInput: for an invalid value.
        NotSupported: for a parameter without an implementation.
    """
    sequence.check(parameters)
    timeout = _whole(parameters, "timeout")  # microseconds
    if timeout:
        dialect_request.deadline = min(dialect_request.deadline, time.monotonic() + timeout / 1e6)
    priority = _whole(parameters, "priority")  # 1 is the highest, 0 the model's default
    if priority and served.settings.queue.priorities:
        dialect_request.priority = min(priority - 1, _LEAST)


def _whole(parameters: Mapping[str, Any], name: str) -> int:
    value = parameters.get(name)
    if value is None:
        return 0
    if type(value) is str and value.isascii() and value.isdigit() and len(value) < 19:  # noqa: PLR2004  64 bits
        value = int(value)  # some clients write all of them as strings
    if type(value) is not int or value < 0:
        raise InvalidInput(f"parameters: expected `{name}` to be a whole number from 0.")
    return value
