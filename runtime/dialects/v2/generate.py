"""Generate: text in, text out, whole or as a stream.

Source: Triton, docs/protocol/extension_generate.md.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import numpy as np
import orjson

from ...data import media
from ...data.codecs import instances
from ...data.depth import check_depth
from ...errors import InvalidInput, NotSupported, RequestError
from ...manifests.signature import Signature
from ...models.operation import Stream
from ...printable import printable
from ..catalog import Catalog
from ..dialect_request import DialectRequest
from ..reply import Reply
from ..served import Served
from ..tensors.batch import to_batch
from ..tensors.output import Spec, from_output, specs
from ..tensors.tensor import LONGEST, Tensor
from .inference import json_data
from .inference.infer_request import INPUT
from .metadata import OUTPUT

_STREAM = f"{media.EVENTS}; charset=utf-8"
_IN, _OUT = "text_input", "text_output"
_MOST = 1 << 24  # bytes of an event
_OWN = frozenset({"id", "parameters", "stream"})
_SIMPLE = frozenset({"string", "integer", "number", "boolean"})


class Generate:
    """Generates text with a model whose only input is text, or with a service class."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def whole(self, request: DialectRequest) -> Reply:
        """All of the answer as one JSON object."""
        served, document = self._parsed(request)
        head = _head(request, served, document)
        if served.signature is not None:
            return Reply.json(head | await _predicted(served, served.signature, request, document))
        accept = media.EVENTS if served.route.streaming else media.JSON
        answer = await served.call(request, _body(served, document), media.JSON, accept)
        if not isinstance(answer, Stream):
            return Reply.json(head | _named(_read(answer.body, answer.content_type)))
        items = [item async for item in items_in(answer.parts)]
        if len(items) == 1:
            return Reply.json(head | _named(items[0]))
        is_text = all(isinstance(item, str) for item in items)
        return Reply.json(head | {_OUT: "".join(items) if is_text else items})

    async def streamed(self, request: DialectRequest) -> Reply:
        """The answer as events, each a JSON object."""
        served, document = self._parsed(request)
        head = _head(request, served, document)
        if served.signature is not None:
            answered = head | await _predicted(served, served.signature, request, document)
            return Reply(_event(answered), 200, _STREAM)
        accept = media.EVENTS if served.route.streaming else media.JSON
        answer = await served.call(request, _body(served, document), media.JSON, accept)
        if isinstance(answer, Stream):
            return Reply(_events(head, answer.parts), 200, _STREAM)
        answered = head | _named(_read(answer.body, answer.content_type))
        return Reply(_event(answered), 200, _STREAM)

    def _parsed(self, request: DialectRequest) -> tuple[Served, Mapping[str, Any]]:
        served = self._catalog.find(request.parts["model"], request.parts.get("version"))
        document = instances.parse(request.body)
        if type(document) is not dict:
            raise InvalidInput("Expected a JSON object.")
        check_depth(document, "The body")
        return served, document


def _head(request: DialectRequest, served: Served, document: Mapping[str, Any]) -> dict[str, Any]:
    head = {"model_name": request.parts["model"], "model_version": served.version}
    name = document.get("id")
    return head | {"id": name} if name else head


# --- models ---


async def _predicted(
    served: Served, signature: Signature, request: DialectRequest, document: Mapping[str, Any]
) -> dict[str, Any]:
    """The outputs of a model by name; an only output is also `text_output`."""
    wanted = specs(signature.inputs, INPUT)
    tensors = [_tensor(spec, document, is_only=len(wanted) == 1) for spec in wanted]
    nan_as_null = served.settings.nan == "null"
    batch = to_batch(signature.inputs, tensors, nan_as_null=nan_as_null)
    outputs = from_output(signature, await served.answer(request, batch))
    values = {each.name: _plain(each, nan_as_null=nan_as_null) for each in outputs}
    if len(values) > 1:
        return values
    (only,) = values.values()
    return {_OUT: only} if OUTPUT in values else values | {_OUT: only}


def _tensor(spec: Spec, document: Mapping[str, Any], *, is_only: bool) -> Tensor:
    name = spec.name if spec.name in document or not is_only else _IN
    if name not in document:
        raise InvalidInput(f"`{name}` is missing.")
    value = document[name]
    if spec.datatype == "BYTES":
        values = value if type(value) is list else [value]
        if not all(type(each) is str for each in values):
            raise InvalidInput(f"{name}: expected a string, or a list of strings.")
        shape = [len(values)] + [1] * (len(spec.shape) - 1)
        return Tensor(spec.name, "BYTES", shape, [each.encode() for each in values])
    return _numbers(spec, name, value)


def _numbers(spec: Spec, name: str, value: Any) -> Tensor:
    try:
        shape = list(np.shape(value))
    except ValueError:
        raise InvalidInput(f"{name}: the lists differ in their lengths.") from None
    data = value if shape else [value]
    if len(shape) < len(spec.shape):
        shape = [1] * (len(spec.shape) - len(shape)) + shape
    return json_data.read(spec.name, spec.datatype, shape, data, is_base64=False)


def _plain(tensor: Tensor, *, nan_as_null: bool) -> Any:
    """A single value, or all of them in a list."""
    written = json_data.written(tensor, nan_as_null=nan_as_null)
    if len(written) != 1:
        return written
    return written[0] if isinstance(written, list) else written[0].item()


# --- an author's class ---


def _body(served: Served, document: Mapping[str, Any]) -> bytes:
    """The body for a method: the document, with the text under the method's own parameter name.

    Other keys are parameters, as with Triton: unknown simple ones are ignored.
    """
    properties = served.route.input.get("schema", {}).get("properties", {})
    arguments = {k: v for k, v in document.items() if k in properties or k not in _OWN}
    if "parameters" not in properties:
        arguments = _parameters(document.get("parameters"), properties) | arguments
    if properties:
        _parameters({k: v for k, v in arguments.items() if k != _IN}, properties)
        known = {*properties, _IN}
        arguments = {
            k: _alone(v, properties.get(k, {})) for k, v in arguments.items() if k in known
        }
    if _IN in arguments and properties and _IN not in properties:
        texts = [
            k for k, v in properties.items() if v.get("type") == "string" and k not in arguments
        ]
        if not texts:
            raise NotSupported(f"`{served.name}` takes no text.")
        arguments[texts[0]] = arguments.pop(_IN)
    return instances.written(arguments)


def _parameters(parameters: Any, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that the method has; others are ignored, but must be simple values."""
    if parameters is None:
        return {}
    if type(parameters) is not dict:
        raise InvalidInput("Expected JSON object for keyword: 'parameters'.")
    for name, value in parameters.items():
        if name not in properties and type(value) in {dict, list}:
            raise InvalidInput(
                f"parameter '{printable(name[:LONGEST])}' has invalid type. It should be a "
                "number, a string, true or false."
            )
    return {name: value for name, value in parameters.items() if name in properties}


def _alone(value: Any, schema: Mapping[str, Any]) -> Any:
    """The only value of a list, for a parameter that is not a list."""
    is_one = type(value) is list and len(value) == 1 and schema.get("type") in _SIMPLE
    return value[0] if is_one else value


def _read(body: bytes, content_type: str) -> Any:
    if content_type.partition(";")[0] == media.JSON:
        return instances.exact(body)
    return body.decode("utf-8", "replace")


def _named(value: Any) -> dict[str, Any]:
    """Outputs by name; an only one, or one without a name, is also `text_output`."""
    if type(value) is not dict or not value:
        return {_OUT: value}
    if _OUT in value or len(value) > 1:
        return value
    (only,) = value.values()
    return value | {_OUT: only}


async def _events(
    head: dict[str, Any], parts: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    """Each item with the model's name; an error becomes the last event."""
    async with aclosing(items_in(parts)) as items:
        try:
            async for item in items:
                yield _event(head | _named(item))
        except RequestError as error:
            yield _event({"error": printable(error.detail)})


async def items_in(parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[Any, None]:
    """The items of a stream of events, or of raw bytes.

    Raises:
        RequestError: when the stream ends with an error.
    """
    rest = b""
    async with aclosing(parts):
        async for part in parts:
            *whole, rest = (rest + part).split(b"\n\n")
            for event in whole:
                yield _item(event)
            if len(rest) > _MOST:
                raise RequestError("The answer is not a stream of events.")
    if rest:
        yield rest.decode("utf-8", "replace")


def _item(event: bytes) -> Any:
    lines = event.split(b"\n")
    data = b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))
    try:
        value = instances.exact(data)
    except orjson.JSONDecodeError:
        return event.decode("utf-8", "replace")
    if b"event: error" in lines:
        raise RequestError(value["error"])
    return value


def _event(value: Mapping[str, Any]) -> bytes:
    return event(instances.written(value))


def event(data: bytes) -> bytes:
    """An event of a stream, without a name."""
    return b"data: " + data + b"\n\n"
