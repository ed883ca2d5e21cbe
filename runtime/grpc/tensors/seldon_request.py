"""SeldonRequest: a message of Seldon's protocol as what it says over REST, and its rows."""

import base64
from typing import Any

import numpy as np

from ...dialects import work
from ...dialects.catalog import Catalog
from ...dialects.seldon.message import Message
from ...dialects.served import Served
from ...dialects.tensors.tensor import Tensor
from ...errors import InvalidInput, PayloadTooLarge
from ..messages.parsing import parsed
from ..messages.pool import pool
from . import packed, struct, tensor_proto
from .extent import Fields

# data with ndarray and tftensor, jsonData; and binData and strData, of all of which the last counts
SLOW: Fields = {3: {3: None, 4: tensor_proto.SLOW}, 4: {}, 5: {}, 6: None}
_SEVERAL = "SeldonMessageList"


def parse(body: bytes) -> Any:
    """The whole message; raises BadPayload when there is none."""
    return parsed(pool()["seldon.protos.SeldonMessage"].FromString, body)


def read(request: Any, served: Served) -> tuple[Message, Any]:
    """What a request says, and its rows as a model takes them.

    Raises:
        InvalidInput, BadPayload, PayloadTooLarge: when they are none, or too many.
    """
    codec = served.codec
    if len(request.data.ndarray.values) > codec.max_rows:  # before any of it is a list
        raise PayloadTooLarge(f"The request has more than {codec.max_rows} rows.")
    content = message(request)
    return content, content.batch(codec)


def read_elsewhere(catalog: Catalog, context: work.Json, body: bytes) -> work.Reading:
    """Read all but the meta data, whose numbers JSON may lack; and whether it has a TensorProto."""
    served, request = work.of(catalog, context), parse(body)
    content, batch = read(request, served)
    note = [content.to_json() | {"meta": {}}, is_tf(request)]
    return work.Reading(note, served.codec.inputs, batch)


def message(request: Any) -> Message:
    """What a request says; raises InvalidInput when it says nothing that is known here."""
    return Message.of(_content(request))


def is_tf(request: Any) -> bool:
    """Whether a message, or the first of several, has a TensorProto."""
    if request.DESCRIPTOR.name == _SEVERAL:
        return bool(request.seldonMessages) and is_tf(request.seldonMessages[0])
    return bool(request.data.WhichOneof("data_oneof") == "tftensor")


def as_json(request: Any) -> Any:
    """One message, or all of a list, as REST has them; numbers of a tensor stay an array."""
    if request.DESCRIPTOR.name == _SEVERAL:
        return list(map(as_json, request.seldonMessages))
    content = _content(request)
    if "binData" in content:
        content["binData"] = base64.b64encode(content["binData"]).decode()
    return content


def _content(request: Any) -> dict[str, Any]:
    kind = request.WhichOneof("data_oneof")
    content: dict[str, Any] = {"meta": meta(request.meta)}
    if kind == "data":
        content["data"] = data(request.data)
    elif kind == "binData":
        content[kind] = request.binData
    elif kind == "strData":
        content[kind] = request.strData
    elif kind == "jsonData":
        content[kind] = struct.read(request.jsonData)
    return content


def data(message: Any) -> dict[str, Any]:
    """The names of a DefaultData, and its rows, as REST has them."""
    kind, names = message.WhichOneof("data_oneof"), list(message.names)
    if kind == "ndarray":
        return {"names": names, "ndarray": struct.read_list(message.ndarray)}
    if kind == "tensor":
        values = packed.read(message.tensor, "values", np.dtype(np.float64))
        return {"names": names, "tensor": {"shape": list(message.tensor.shape), "values": values}}
    if kind == "tftensor":
        return {"names": names} | _of_tensor(tensor_proto.read("tftensor", message.tftensor))
    return {"names": names}


def _of_tensor(tensor: Tensor) -> dict[str, Any]:
    """Numbers as a tensor, anything else as lists of values."""
    if isinstance(tensor.data, np.ndarray) and tensor.data.dtype.kind in "iuf":
        values: np.ndarray = tensor.data.ravel()
        return {"tensor": {"shape": list(tensor.shape), "values": values}}
    if isinstance(tensor.data, np.ndarray):
        return {"ndarray": tensor.data.tolist()}
    data = np.empty(len(tensor.data), object)
    data[:] = list(map(_text, tensor.data))
    return {"ndarray": data.reshape(tensor.shape).tolist()}


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("tftensor: a text is not UTF-8.") from error


def meta(message: Any) -> dict[str, Any]:
    """The puid, tags and routing of a message, where it has them."""
    tags = {name: struct.read(each) for name, each in message.tags.items()}
    document = {"puid": message.puid, "tags": tags, "routing": dict(message.routing)}
    return {name: value for name, value in document.items() if value}
