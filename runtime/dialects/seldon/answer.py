"""Answer: the answer of a model or a service class to a Seldon message."""

import secrets
from collections.abc import Mapping
from typing import Any

import orjson

from ...data import media
from ...data.codecs import instances
from ...data.depth import check_depth
from ...errors import NotSupported
from ...manifests.signature import OBJECTS, Field
from ...models.operation import Stream
from .. import work
from ..bodies.bare import ask_rows
from ..catalog import Catalog
from ..dialect_request import DialectRequest
from ..served import Served
from .message import Message, parts

_ECHOED = ("tags", "routing")
_ALONE: Mapping[str, tuple[str, frozenset[str]]] = {
    "strData": (media.TEXT, frozenset({"str"})),
    "binData": (media.OCTETS, frozenset({"bytes", "image"})),
}
"""The content types of one text and of one file, and the kinds of inputs that are such."""


def answered(served: Served, message: Message, output: Any) -> dict[str, Any]:
    """The answer with the output of a model."""
    codec, signature = served.codec, served.signature
    fields = () if signature is None else signature.outputs.fields
    names = [field.name for field in fields]
    message_parts = parts(message, names, output, nan_as_null=codec.nan_as_null)
    return message_parts | {"meta": meta(served, message.meta)}


async def called(
    served: Served, request: DialectRequest, message: Message
) -> dict[str, Any] | Stream:
    """The answer of a service class; `jsonData` is its body, `data` its rows.

    `strData` and `binData` are the body of one that takes one text or one file.

    Raises:
        RequestError: as the native route does; NotSupported for what it does not take.
    """
    if message.kind in {"ndarray", "tensor"}:
        rows = await work.here(request.body, message.rows, OBJECTS)
        rows = await ask_rows(served, request, rows)
        content = await work.here(request.body, parts, message, (), rows)
        return content | {"meta": meta(served, message.meta)}
    if message.kind != "jsonData":
        return await _of_one(served, request, message)
    body = await work.here(request.body, _json, message)
    accept = "" if served.route.streaming else media.JSON  # what streams has a type of its own
    answer = await served.call(request, body, media.JSON, accept)
    if isinstance(answer, Stream):
        return answer
    return {"jsonData": orjson.Fragment(answer.body), "meta": meta(served, message.meta)}


def _json(message: Message) -> bytes:
    check_depth(message.content, "jsonData")
    return instances.written(message.content)


async def _of_one(
    served: Served, request: DialectRequest, message: Message
) -> dict[str, Any] | Stream:
    """The answer of a service class to one text or one file, in kind where it is one, too."""
    content_type, kinds = _ALONE[message.kind]
    if served.route.input.get("kind") not in kinds:
        raise NotSupported(f"`{served.name}` takes bodies of its own form: send `jsonData`.")
    accept = "" if served.route.streaming else media.JSON
    body = await work.here(request.body, message.body)
    answer = await served.call(request, body, content_type, accept)
    if isinstance(answer, Stream):
        return answer
    value = instances.exact(answer.body)
    is_rows = served.route.batchable and type(value) is dict and value.keys() == {"predictions"}
    output = value["predictions"] if is_rows else [value]
    return parts(message, (), output) | {"meta": meta(served, message.meta)}


def meta(served: Served, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The client's `meta` again, with an id for feedback and the request path."""
    puid = sent.get("puid")
    echoed = {name: sent[name] for name in _ECHOED if type(sent.get(name)) is dict}
    return echoed | {
        "puid": puid if type(puid) is str and puid else secrets.token_hex(16),
        "requestPath": {served.name: f"{served.name}:{served.version}"},
    }


def graph(catalog: Catalog) -> dict[str, Any]:
    """All models of a server."""
    models = {served.name: described(served) for served in reversed(catalog.served())}
    return {"name": catalog.server_name, "models": models}


def described(served: Served) -> dict[str, Any]:
    """One model: its version, what it takes and gives."""
    inputs, outputs = OBJECTS, OBJECTS
    if served.signature is not None:
        inputs, outputs = served.signature.inputs, served.signature.outputs
    return {
        "name": served.name,
        "versions": [served.version],
        "platform": served.manifest.framework if served.manifest is not None else "",
        "inputs": [_field(field) for field in inputs.fields],
        "outputs": [_field(field) for field in outputs.fields],
    }


def _field(field: Field) -> dict[str, Any]:
    shape = [-1 if size is None else size for size in field.shape]
    return {"name": field.name, "datatype": field.dtype, "shape": shape}
