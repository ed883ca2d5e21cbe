"""OpenAPI: the paths of the protocol, for the models of a catalog."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import numpy as np

from ...data import media
from ...data.rows import table
from ...data.rows.schema import scalar
from ...data.samples import MOST_SHOWN
from ...errors import RequestError
from ...manifests.signature import OBJECTS, Field
from ..catalog import Catalog
from ..served import Served
from ..tensors.output import Spec
from ..tensors.tensor import DTYPES
from .metadata import sides

Json = dict[str, Any]

_ERROR = {"$ref": "#/components/schemas/Error"}
_ERRORS = {
    "400": "The request is not what the protocol, or the model, asks for.",
    "404": "There is no such model, version or method.",
    "405": "The path takes another method.",
    "408": "The request took too long to arrive.",
    "429": "This client is over its share.",
    "500": "The model failed on this input.",
    "501": "This server does not do that.",
    "503": "The server is full, starting or draining; Retry-After says when to come back.",
    "504": "The answer would come too late.",
}
_VALUES: Mapping[str, Json] = {
    "b": {"type": "boolean"},
    "i": {"type": "integer"},
    "u": {"type": "integer", "minimum": 0},
    "f": {"type": ["number", "null"]},
}
_MOST_EXAMPLE = 64  # values of an example


def paths(catalog: Catalog) -> Json:
    """What V2 adds to openapi.json, with each model's own name, tensors and samples."""
    found = dict(_server())
    for served in catalog.served():
        if f"/v2/models/{quote(served.name)}" not in found:  # only the default version
            found |= dict(_model(served))
    return found


def _server() -> Iterator[tuple[str, Json]]:
    text, flag = {"type": "string"}, {"type": "boolean"}
    names = {"type": "array", "items": text}
    about = _object(name=text, version=text, extensions=names)
    yield "/v2", _get("v2_server", "What this server is.", about)
    live = _object(live=flag)
    yield "/v2/health/live", _get("v2_live", "Whether the process answers.", live)
    ready = _object(live=flag, ready=flag)
    yield "/v2/health/ready", _get("v2_ready", "Whether all is loaded and warm.", ready, "503")
    yield "/v2/models", _get("v2_models", "The names of all models.", _object(models=names))
    counts = _object(model_stats={"type": "array", "items": {"type": "object"}})
    yield "/v2/models/stats", _get("v2_statistics", "What all models have done.", counts)
    entry = _object(name=text, version=text, state=text, reason=text)
    index = {"type": "array", "items": entry}
    body = {"type": "object", "properties": {"ready": flag}}
    yield "/v2/repository/index", _post("v2_index", "Which models there are.", body, index)


def _model(served: Served) -> Iterator[tuple[str, Json]]:
    path, name = f"/v2/models/{quote(served.name)}", re.sub(r"\W+", "_", served.name)
    text = {"type": "string"}
    tensors = {"type": "array", "items": _object(name=text, datatype=text, shape=_SIZES)}
    about = _object(name=text, versions={"type": "array"}, inputs=tensors, outputs=tensors)
    yield path, _get(f"v2_metadata_{name}", f"What {served.name} takes and gives.", about)
    ready = _object(name=text, ready={"type": "boolean"})
    summary = f"Whether {served.name} answers."
    yield f"{path}/ready", _get(f"v2_ready_{name}", summary, ready, "503")
    config = _object(name=text, max_batch_size={"type": "integer"})
    yield f"{path}/config", _get(f"v2_config_{name}", f"How {served.name} is served.", config)
    counts = _object(model_stats={"type": "array", "items": {"type": "object"}})
    summary = f"What {served.name} has done."
    yield f"{path}/stats", _get(f"v2_statistics_{name}", summary, counts)
    if not served.route.streaming:  # which other calls answer
        yield f"{path}/infer", _infer(served, name)


def _infer(served: Served, name: str) -> Json:
    inputs, outputs = sides(served)
    answer = _object(
        model_name={"type": "string"},
        model_version={"type": "string"},
        outputs={"type": "array", "items": _answered(served, outputs)},
    )
    request = {
        "type": "object",
        "properties": {
            "id": {"type": ["string", "null"]},
            "parameters": {"type": ["object", "null"]},
            "inputs": _inputs(served, inputs),
            "outputs": {"type": ["array", "null"], "items": _object(name=_wanted(outputs))},
        },
        "required": ["inputs"],
    }
    posted = _post(f"v2_infer_{name}", f"Ask {served.name} for predictions.", request, answer)
    example = _example(served, inputs)
    if example is not None:
        posted["post"]["requestBody"]["content"][media.JSON]["example"] = example
    return posted


_SIZES: Json = {"type": "array", "items": {"type": "integer"}}


_AS_MANY: Json = {"enum": [-1, [-1]], "description": "As many texts as there are."}


def _answered(served: Served, specs: list[Spec]) -> Json:
    """A tensor of an answer; that of an author's class has the datatype that it turns out to be."""
    return _tensor(specs if served.signature is not None else [])


def _any_input(specs: list[Spec]) -> Json:
    """A tensor of a request of which nothing is known for sure; one text may stand alone."""
    tensor = _tensor(specs)
    data = {"anyOf": [tensor["properties"]["data"], {"type": "string"}]}
    shape = {"anyOf": [tensor["properties"]["shape"], _AS_MANY]}
    return tensor | {"properties": tensor["properties"] | {"data": data, "shape": shape}}


def _tensor(specs: list[Spec]) -> Json:
    """Any of these; nested lists of values, or flat ones."""
    kinds = sorted({spec.datatype for spec in specs})
    return _object(
        name=_names(specs),
        datatype={"type": "string", **({"examples": kinds} if kinds else {})},
        shape={"type": "array", "items": {"type": "integer", "minimum": 0}},
        data={"type": "array", **_values(kinds)},
    )


def _inputs(served: Served, specs: list[Spec]) -> Json:
    """The input tensors; a matrix with column names may also be one tensor per column."""
    side = served.signature.inputs if served.signature is not None else OBJECTS
    if side.layout == "objects" or not side.fields:
        return {"type": "array", "items": _any_input(specs), "minItems": 1}
    is_only = len(specs) == 1
    tensors = [
        _input(spec, field, is_only=is_only) for spec, field in zip(specs, side.fields, strict=True)
    ]
    kinds = tensors if is_only else _alike(tensors)
    items = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    least = max(1, sum(not spec.is_optional for spec in specs))
    return {"type": "array", "items": items, "minItems": least, "maxItems": len(tensors)}


def _alike(tensors: list[Json]) -> list[Json]:
    """Those that differ in nothing but their names, as one."""
    kinds: dict[str, list[str]] = {}
    for each in tensors:
        rest = {key: part for key, part in each["properties"].items() if key != "name"}
        kinds.setdefault(json.dumps(rest), []).append(each["properties"]["name"]["const"])
    return [
        _object(
            name={"const": names[0]} if len(names) == 1 else {"enum": names}, **json.loads(rest)
        )
        for rest, names in kinds.items()
    ]


def _input(spec: Spec, field: Field, *, is_only: bool) -> Json:
    """One tensor: of its shape everything but the free sizes, of its data the values."""
    sizes: list[Json] = [
        {"type": "integer", "minimum": 1} if size < 0 else {"const": size} for size in spec.shape
    ]
    width = len(sizes)
    value = scalar(field.dtype) if spec.datatype != "BYTES" else {"type": "string"}
    if field.is_nullable and value.get("type") == "number":
        value = value | {"type": ["number", "null"]}
    shape = {"type": "array", "prefixItems": sizes, "minItems": width, "maxItems": width}
    nested = value
    for size in reversed(spec.shape[1:]):
        exact = {"minItems": size, "maxItems": size} if size >= 0 else {"minItems": 1}
        nested = {"type": "array", "items": nested} | exact
    lists: list[Json] = [
        {"type": "array", "items": each, "minItems": 1} for each in _unlike(value, nested)
    ]
    alone: list[Json] = [{"type": "string"}] if spec.datatype == "BYTES" else []
    if alone and width == 1:
        shape = {"anyOf": [shape, _AS_MANY]}
    description = "As many values as the sizes of the shape make, flat or nested."
    data = {"anyOf": lists + alone, "description": description}
    name: Json = {"const": spec.name}
    if is_only:  # which may be called anything
        name = {"type": "string", "minLength": 1, "examples": [spec.name]}
    datatype = {"const": spec.datatype}
    return _object(name=name, datatype=datatype, shape=shape, data=data)


def _unlike(flat: Json, nested: Json) -> list[Json]:
    return [flat] if flat == nested else [flat, nested]


def _wanted(specs: list[Spec]) -> Json:
    known = [spec.name for spec in specs]
    return {"enum": known} if known else {"type": "string", "minLength": 1}


def _names(specs: list[Spec]) -> Json:
    known = [spec.name for spec in specs]
    return {"type": "string", "examples": known} if known else {"type": "string"}


def _values(kinds: list[str]) -> Json:
    """Of the values, where all are of one kind, the schema, as long as the list is flat."""
    letters = {DTYPES[kind].kind if kind in DTYPES else "s" for kind in kinds}
    if len(letters) != 1:
        return {}
    value = _VALUES.get(next(iter(letters)), {"type": "string"})
    return {"items": {"anyOf": [value, {"type": "array"}]}}


def _example(served: Served, inputs: list[Spec]) -> Json | None:
    """The recorded sample as a request."""
    samples, signature = served.samples, served.signature
    if samples is None or signature is None or signature.inputs.layout == "objects":
        return None
    try:
        batch = table.gather(signature.inputs, list(samples.inputs), nan_as_null=True)
    except RequestError:
        return None
    arrays = batch if isinstance(batch, dict) else {inputs[0].name: batch}
    tensors = [_spelled(spec, arrays[spec.name]) for spec in inputs]
    is_short = len(json.dumps(tensors)) < MOST_SHOWN
    return {"inputs": tensors} if is_short and all(tensors) else None


def _spelled(spec: Spec, array: np.ndarray) -> Json | None:
    if array.size > _MOST_EXAMPLE or spec.datatype in {"FP16", "BF16"}:
        return None
    data = array.ravel().tolist()
    if spec.datatype == "BYTES" and not all(isinstance(each, str) for each in data):
        return None
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return None
    tensor = {"name": spec.name, "datatype": spec.datatype, "shape": list(array.shape)}
    return tensor | {"data": data}


# --- operations ---


def _object(**properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _get(name: str, summary: str, schema: Json, *more: str) -> Json:
    return {"get": _operation(name, summary, schema, ("404", *more))}


def _post(name: str, summary: str, body: Json, schema: Json) -> Json:
    operation = _operation(name, summary, schema, tuple(_ERRORS))
    content = {media.JSON: {"schema": body}}
    return {
        "post": operation | {"requestBody": {"required": "required" in body, "content": content}}
    }


def _operation(name: str, summary: str, schema: Json, errors: tuple[str, ...]) -> Json:
    failures = {
        status: {
            "description": _ERRORS[status],
            "content": {media.JSON: {"schema": _ERROR}},
        }
        for status in errors
    }
    answer = {"description": summary, "content": {media.JSON: {"schema": schema}}}
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["v2"],
        "responses": {"200": answer} | failures,
    }
