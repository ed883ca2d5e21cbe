"""Bare: JSON bodies without an envelope, as handlers of TorchServe and SageMaker use them.

A list of rows is answered by a list, one row by its prediction alone, and
`{"instances": [...]}` by `{"predictions": [...]}`.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ...data import media
from ...data.codecs import instances
from ...data.depth import check_depth
from ...data.payload import Codec, Payload
from ...data.rows import extent, table
from ...errors import InvalidInput, NotSupported
from ...manifests.signature import Side
from ...models.operation import Stream
from .. import work
from ..catalog import Catalog
from ..dialect_request import DialectRequest
from ..reply import Reply
from ..served import Served
from . import pictures

Form = Literal["enveloped", "listed", "single"]


@dataclass(frozen=True, slots=True)
class Bare:
    """Rows, and the form of their body."""

    rows: list[Any]
    form: Form

    @classmethod
    def of(cls, side: Side, value: Any) -> "Bare":
        """Interpret a JSON value for a model that takes `side`.

        Raises:
            InvalidInput: when the value in an envelope is not a list.
        """
        if type(value) is dict and value.keys() == {"instances"}:
            listed = value["instances"]
            if type(listed) is list:
                return cls(listed, "enveloped")
            if side.layout != "objects":  # which may be an object of that one key
                raise InvalidInput("instances: expected a list of rows.")
            return cls([listed], "enveloped")
        if type(value) is list and not _is_row(side, value):
            return cls(value, "listed")
        return cls([value], "single")


def _is_row(side: Side, value: list[Any]) -> bool:
    """Whether a list is one row; for a model that takes any JSON it is several."""
    if side.layout == "objects" or not side.fields:
        return False
    if side.layout == "array":
        return _depth(value) == len(side.fields[0].shape) - 1
    is_nested = any(type(each) in {list, dict} for each in value)
    return len(side.fields) > 1 and not is_nested


def _depth(value: Any) -> int:
    depth = 0
    while type(value) is list:
        depth, value = depth + 1, value[0] if value else None
    return depth


async def answer(served: Served, request: DialectRequest, body: bytes, accept: str) -> Reply:
    """Answer a JSON body with or without an envelope.

    A service class gets the body unchanged; a list for an API that takes rows gets the envelope.

    Raises:
        RequestError: as the native API.
    """
    if served.signature is None:
        return await _called(served, request, body, accept)
    batch, form = await _question(served, request, body)
    return await answer_batch(served, request, batch, form, accept)


async def _question(served: Served, request: DialectRequest, body: bytes) -> tuple[Any, Form]:
    is_foreign = pictures.may_be_in(served, body)
    read = await work.read(served, request.deadline, "bare", {}, body, is_foreign=is_foreign)
    if read is None:
        return await work.here(body, _read, served.codec, body)
    form, batch = read
    return batch, form


async def answer_batch(
    served: Served, request: DialectRequest, batch: Any, form: Form, accept: str
) -> Reply:
    """As `answer`, for a batch that fits the signature.

    Raises:
        RequestError: see `Served.answer` and `work.write`.
    """
    output = await served.answer(request, batch)
    context = {"form": form, "accept": accept}
    reply = await work.write(served, request.deadline, "bare", context, output)
    return as_reply(_encoded(served.codec, output, form, accept)) if reply is None else reply


def read_elsewhere(catalog: Catalog, context: work.Json, body: bytes) -> work.Reading:
    """Decode a large body as `answer` does: its form, and the batch."""
    codec = work.of(catalog, context).codec
    batch, form = _read(codec, body)
    return work.Reading(form, codec.inputs, batch)


def write_elsewhere(catalog: Catalog, context: work.Json, output: Any) -> Reply:
    """Encode a large answer as `answer` does."""
    codec = work.of(catalog, context).codec
    return as_reply(_encoded(codec, output, context["form"], context["accept"]))


async def _called(served: Served, request: DialectRequest, body: bytes, accept: str) -> Reply:
    if not takes_rows(served) or body.lstrip()[:1] != b"[":
        return as_reply(await served.call(request, body, media.JSON, accept))
    answer = await served.call(request, b'{"instances":' + body + b"}", media.JSON, accept)
    if isinstance(answer, Stream) or answer.content_type != media.JSON:
        return as_reply(answer)
    predictions = await work.here(answer.body, _predictions, answer)
    return Reply(await work.here(answer.body, instances.written, predictions))


def takes_rows(served: Served) -> bool:
    """Whether an API takes `{"instances": [...]}`."""
    schema = served.route.input.get("schema", {}) if served.signature is None else {}
    return "instances" in schema.get("properties", ())


async def ask_rows(served: Served, request: DialectRequest, rows: list[Any]) -> list[Any]:
    """Call an API of a service class with rows of JSON; returns its predictions.

    Raises:
        RequestError: as the native API.
    """
    if not takes_rows(served):
        raise NotSupported(f"`{served.name}` takes bodies of its own form, no rows.")
    body = await work.here(request.body, _enveloping, rows)
    answer = await served.call(request, body, media.JSON, media.JSON)
    if isinstance(answer, Stream):
        raise NotSupported(f"`{served.name}` answers with a stream, not with predictions.")
    predictions: list[Any] = await work.here(answer.body, _predictions, answer)
    return predictions


def _enveloping(rows: list[Any]) -> bytes:
    check_depth(rows)
    return instances.written({"instances": rows})


def _predictions(answer: Payload) -> list[Any]:
    """The predictions in the envelope of an answer; any other answer is one prediction."""
    value = instances.exact(answer.body)
    if type(value) is dict and value.keys() == {"predictions"}:
        value = value["predictions"]
    return value if type(value) is list else [value]


async def answer_rows(served: Served, request: DialectRequest, rows: Bare, accept: str) -> Reply:
    """As `answer`, for rows that were decoded already.

    Raises:
        RequestError: as the native API.
    """
    return await answer_batch(served, request, served.codec.fitted(rows.rows), rows.form, accept)


async def answer_bytes(
    served: Served, request: DialectRequest, values: list[bytes], form: Form
) -> Reply:
    """Answer values for a model that takes one `bytes` per row, in JSON.

    Raises:
        RequestError: as the native API.
    """
    return await answer_batch(served, request, of_bytes(served.codec.inputs, values), form, "")


def of_bytes(side: Side, values: list[bytes]) -> Any:
    """A batch of bytes, one value a row.

    Raises:
        InvalidInput: when that is not what `side` is.
    """
    field = side.fields[0] if len(side.fields) == 1 else None
    if field is None or field.dtype != "bytes" or field.shape[1:] not in {(), (1,)}:
        raise InvalidInput("The model does not take one `bytes` a row; send JSON.")
    array = np.empty(len(values), object)
    array[:] = values
    array = array.reshape(-1, *(size or 1 for size in field.shape[1:]))
    return array if side.layout == "array" else {field.name: array}


def as_reply(answer: Payload | Stream) -> Reply:
    """The Reply with an answer of the bundle's own route."""
    body = answer.parts if isinstance(answer, Stream) else answer.body
    return Reply(body, content_type=answer.content_type)


def only(reply: Reply) -> Reply:
    """The only prediction in the envelope of an answer; any other answer unchanged."""
    found = _enveloped(reply)
    return reply if found is None or len(found) != 1 else Reply(instances.written(found[0]))


def listed(reply: Reply) -> Reply:
    """The predictions in the envelope of an answer; any other answer as it is."""
    found = _enveloped(reply)
    return reply if found is None else Reply(instances.written(found))


def _enveloped(reply: Reply) -> list[Any] | None:
    if not isinstance(reply.body, bytes) or reply.content_type != media.JSON:
        return None
    value = instances.exact(reply.body)
    is_one = type(value) is dict and value.keys() == {"predictions"}
    return value["predictions"] if is_one else None


def _read(codec: Codec, body: bytes) -> tuple[Any, Form]:
    extent.check(codec.inputs, codec.max_rows, body)
    rows = Bare.of(codec.inputs, instances.parse(body))
    return pictures.fitted(codec, rows.rows), rows.form


def _encoded(codec: Codec, output: Any, form: Form, accept: str) -> Payload:
    if form == "single":
        first = table.to_instances(output, nan_as_null=codec.nan_as_null)[0]
        return Payload(instances.written(first))
    payload = codec.encode(output, accept)
    if form == "enveloped" or payload.content_type != media.JSON:
        return payload
    wire = table.to_wire(output, nan_as_null=codec.nan_as_null)
    return Payload(instances.written(wire))
