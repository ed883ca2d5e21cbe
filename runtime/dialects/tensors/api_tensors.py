"""API tensors: tensors for a service class, whose methods take JSON of their own form."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import orjson

from ...data import media
from ...data.codecs import instances, npy
from ...data.payload import Payload
from ...errors import NotSupported
from ...manifests.route import Route
from ...manifests.signature import Signature
from ...models.operation import Stream
from .. import work
from ..bodies.schemas import is_text
from ..dialect_request import DialectRequest
from ..served import Served
from .batch import check_known, objects
from .output import Spec, from_output
from .tensor import Tensor

ROWS = "instances"
_DATATYPES = {"string": "BYTES", "integer": "INT64", "number": "FP64", "boolean": "BOOL"}
_FILES = frozenset({"bytes", "image"})
_CALLED = {"predictions": "output"}
_FREE = Signature()


async def ask(served: Served, request: DialectRequest, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Call an API of a service class with tensors; its answer as tensors.

    Rows take one tensor of any name, or one a field; other APIs a tensor a parameter.

    Raises:
        InvalidInput: for tensors that the API has no parameters for.
        NotSupported: for an API that streams.
        RequestError: see `Served.call`.
    """
    if served.route.streaming:
        raise NotSupported(
            "This call doesn't support models with decoupled transaction policy: "
            f"`{served.name}` streams its answer; ask /generate_stream or, over gRPC, "
            "ModelStreamInfer."
        )
    body = await work.here(request.body, body_of, served.route, tensors)
    accept = media.NPY if body.content_type == media.NPY else media.JSON
    answer = await served.call(request, body.body, body.content_type, accept)
    assert not isinstance(answer, Stream)
    found: list[Tensor] = await work.here(answer.body, _tensors, answer)
    return found


def specs_of(route: Route) -> tuple[list[Spec], list[Spec]]:
    """The tensors that an API takes and gives, as far as its types tell."""
    answer = route.output.get("schema", {})
    outputs = _specs(answer.get("properties", {})) or [_spec("output", answer)]
    return _specs(_properties(route)), outputs


def _specs(properties: Mapping[str, Any]) -> list[Spec]:
    return [_spec(_CALLED.get(name, name), schema) for name, schema in properties.items()]


def _spec(name: str, schema: Mapping[str, Any]) -> Spec:
    """A parameter of one value, or of a list of them; what may be left out is what else it is."""
    schema = next((each for each in schema.get("anyOf", ()) if each.get("type")), schema)
    shape: tuple[int, ...] = (1,)
    if schema.get("type") == "array":
        items = schema.get("items")
        schema, shape = items if isinstance(items, Mapping) else {}, (-1,)
    return Spec(name, _DATATYPES.get(_kind(schema), "BYTES"), shape)


def _kind(schema: Mapping[str, Any]) -> str:
    """The type of a value, or of all values that it may have."""
    values = {type(each) for each in schema.get("enum", ())}
    return str(schema.get("type")) if values != {int} else "integer"


def _properties(route: Route) -> Mapping[str, Any]:
    found: Mapping[str, Any] = route.input.get("schema", {}).get("properties", {})
    return found


def body_of(route: Route, tensors: Sequence[Tensor]) -> Payload:
    """Tensors as the body that an API takes.

    Raises:
        InvalidInput: for a tensor that it has no parameter for.
    """
    properties = _properties(route)
    if ROWS in properties:
        only = tensors[0].data if len(tensors) == 1 else None
        if isinstance(only, np.ndarray) and media.NPY in route.input.get("media", ()):
            return Payload(npy.dumps(only), media.NPY)
        return Payload(instances.written({ROWS: objects(_rows(route, tensors))}), media.JSON)
    if len(tensors) == len(properties) == 1:
        name, schema = next(iter(properties.items()))
        return Payload(instances.written({name: _value(tensors[0], schema)}), media.JSON)
    check_known(tensors, properties)
    arguments = {each.name: _value(each, properties[each.name]) for each in tensors}
    return Payload(instances.written(arguments), media.JSON)


def _rows(route: Route, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    """Tensors of rows, files in base64: the only value of each row, or some of its fields."""
    items = _properties(route)[ROWS].get("items")
    if len(tensors) == 1:
        is_file = route.input.get("kind") in _FILES
        return [_in_base64(tensors[0]) if is_file else _read(tensors[0], items)]
    fields = items.get("properties", {}) if isinstance(items, Mapping) else {}
    return [_read(each, fields.get(each.name)) for each in tensors]


def _value(tensor: Tensor, schema: Mapping[str, Any]) -> Any:
    """One value where there is one, else all of them."""
    values = objects([_read(tensor, schema)])
    is_one = len(values) == 1 and schema.get("type") != "array"
    return values[0] if is_one else values


def _read(tensor: Tensor, schema: Any) -> Tensor:
    """A tensor for values of `schema`: files in base64, and texts that are not read as JSON."""
    if _is_base64(schema):
        return _in_base64(tensor)
    if not isinstance(tensor.data, list) or not is_text(schema):
        return tensor
    return replace(tensor, data=list(map(_quoted, tensor.data)))


def _quoted(text: bytes) -> bytes:
    """A text as JSON; what is no UTF-8 is refused later."""
    try:
        return orjson.dumps(text.decode())
    except ValueError:
        return text


def _is_base64(schema: object) -> bool:
    return "base64" in str(schema)


def _in_base64(tensor: Tensor) -> Tensor:
    """BYTES as texts in base64; numbers as they are."""
    if not isinstance(tensor.data, list):
        return tensor
    return replace(tensor, data=[base64.b64encode(each) for each in tensor.data])


def _tensors(answer: Payload) -> list[Tensor]:
    kind = answer.content_type.partition(";")[0]
    if kind == media.NPY:
        return from_output(_FREE, npy.loads(answer.body))
    if kind != media.JSON:
        return [Tensor("output", "BYTES", [1], [answer.body])]
    value = instances.exact(answer.body)
    if type(value) is dict and list(value) == ["predictions"]:
        return from_output(_FREE, value["predictions"])
    return from_output(_FREE, [value])
