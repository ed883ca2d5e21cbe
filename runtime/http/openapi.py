"""The OpenAPI document of a bundle's server, from its manifests and recorded samples."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..data.codecs.csv_schema import csv_schema, form_schema, of_instances
from ..data.media import CSV, JSON, MULTIPART, NPY, NPZ, TEXT
from ..data.payload import media_of, of_formats
from ..data.rows.schema import envelope, of_some_rows
from ..data.samples import Samples
from ..dialects.dialect import Dialect
from ..manifests.bundle_manifest import BundleManifest
from ..manifests.model_manifest import ModelManifest
from ..manifests.route import Route
from ..manifests.signature import Side, Signature
from .shared_schemas import share

VERSION = "3.1.0"

Json = dict[str, Any]

EXTENSION = "x-modelbundle"
"""Extensions for what JSON Schema cannot express: dtypes, shapes, layouts."""

_ERROR: Json = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}
_ERRORS = {
    "400": "The body is not what its content type says.",
    "406": "No content type that `Accept` names is given here.",
    "413": "The body or its number of rows is over the limit.",
    "415": "No decoder for this content type.",
    "422": "Well formed, but not what the signature asks for; the message names the field.",
    "500": "The model failed on this input.",
    "503": "The server is full, starting or draining; Retry-After says when to come back.",
    "504": "The answer would come too late.",
}


def document(
    manifest: BundleManifest,
    models: Mapping[str, ModelManifest],
    samples: Mapping[str, Samples] | None = None,
    spoken: Sequence[Dialect] = (),
    formats: Collection[str] = (),
) -> Json:
    """The OpenAPI 3.1 document of the server that `manifest` describes.

    `models` by alias; `samples` by the path of the route that they are of; `spoken` are dialects
    beside the bundle's own; `formats` are names of those that the server reads and writes.
    """
    samples = samples or {}
    paths: Json = {
        route.path: {"post": _operation(route, models, samples.get(route.path), formats)}
        for route in manifest.routes
        if "native" in manifest.serve.get("dialects", ("native",))
    }
    for dialect in spoken:
        paths = dialect.document() | paths
    paths, shared = share(paths)
    return {
        "openapi": VERSION,
        "info": _info(manifest),
        "paths": paths | _health(),
        "components": {"schemas": {"Error": _ERROR} | shared},
    }


def _info(manifest: BundleManifest) -> Json:
    info: Json = {"title": manifest.name, "version": manifest.version or "0"}
    return info | ({"description": manifest.description} if manifest.description else {})


def _operation(
    route: Route,
    models: Mapping[str, ModelManifest],
    samples: Samples | None,
    formats: Collection[str],
) -> Json:
    model = models.get(route.model or "")
    signature = model.methods.get(route.method) if model else None
    if signature is not None:
        request = _model_request(signature, samples, formats)
        answers = _model_answers(signature, samples, formats)
        known: Json = {"inputs": signature.inputs.to_json(), "outputs": signature.outputs.to_json()}
    else:
        content = _service_content(route.input, formats, is_answer=False)
        request = {"required": _needs_body(route.input), "content": content}
        answers = _service_content(route.output, formats, is_answer=True)
        known = {"takes": route.input.get("kind", ""), "gives": route.output.get("kind", "")}
        known |= {"streaming": route.streaming, "idempotent": route.idempotent}
        if route.streaming:
            known["item"] = dict(route.output.get("schema", {}))
    return {
        "operationId": _operation_id(route),
        "summary": _summary(route),
        **({"description": route.doc} if route.doc else {}),
        "requestBody": request,
        "responses": {"200": {"description": "The answer.", "content": answers}} | _failures(),
        EXTENSION: known,
    }


_BINARY: Json = {"type": "string", "format": "binary"}
_FORM: Json = {"type": "object"}
_EACH_A_ROW = frozenset({"str", "bytes", "image"})  # parts of a form, whatever they are called


def _model_request(signature: Signature, samples: Samples | None, formats: Collection[str]) -> Json:
    body: Json = {"schema": envelope("instances", signature.inputs)}
    if samples:
        body["example"] = {"instances": list(samples.shown.inputs)}
    content = {kind: _content(kind, body) for kind in media_of(signature.inputs, formats)}
    if CSV in content:
        content[CSV] = {"schema": csv_schema(signature.inputs)}
    if MULTIPART in content:
        content[MULTIPART] = _form(signature.inputs)
    return {"required": True, "content": content}


def _model_answers(signature: Signature, samples: Samples | None, formats: Collection[str]) -> Json:
    body = _media(envelope("predictions", signature.outputs))
    if samples:
        body["example"] = {"predictions": list(samples.shown.outputs)}
    is_array = signature.outputs.layout == "array"
    kinds = (JSON, *((NPY,) if is_array else ()), NPZ, CSV, *of_formats(formats, is_answer=True))
    return {kind: _content(kind, body) for kind in kinds}


def _content(kind: str, body: Json) -> Json:
    """The content of each media type; only JSON has a schema."""
    return body if kind == JSON else {"schema": _FORM if kind == MULTIPART else _BINARY}


def _form(side: Side) -> Json:
    """The fields of a form where a row is some; else one part that is a whole body of JSON."""
    schema = form_schema(side)
    if schema is not None:
        return {"schema": schema}
    return _whole(envelope("instances", side))


def _whole(schema: Json) -> Json:
    properties: Json = {"properties": {"body": schema}, "additionalProperties": False}
    return {
        "schema": _FORM | properties | {"required": ["body"]},
        "encoding": {"body": {"contentType": JSON}},
    }


def _service_content(side: Mapping[str, Any], formats: Collection[str], *, is_answer: bool) -> Json:
    """The content types of an author's API."""
    kinds = list(side.get("media") or [JSON])
    schema = side.get("schema", {})
    body = {"schema": dict(schema) if is_answer else of_some_rows(schema)}
    if NPZ in kinds:  # rows, in any of the formats
        tables = [name for name in formats if name != "image"]
        kinds += of_formats(tables, is_answer=is_answer)
    content = {kind: _content(kind, body) for kind in kinds}
    array = of_instances(schema)
    if not is_answer and array is not None and CSV in content:
        content[CSV] = {"schema": csv_schema(array)}
    if not is_answer and MULTIPART in content:
        content[MULTIPART] = _service_form(side, body["schema"])
    return content


def _service_form(side: Mapping[str, Any], schema: Json) -> Json:
    """The fields of a form; or a row in each part, or one part that is a whole body of JSON."""
    if "parameter" not in side or list(schema.get("properties", ())) != ["instances"]:
        named = {name: _part(each) for name, each in schema.get("properties", {}).items()}
        return {"schema": schema | ({"properties": named} if named else {})}
    if side.get("kind") in _EACH_A_ROW:
        part = {} if side["kind"] == "str" else _BINARY
        return {"schema": _FORM | {"minProperties": 1, "additionalProperties": part}}
    return _whole(schema)


def _part(schema: Json) -> Json:
    """The schema of a form field: bytes are raw instead of base64; an empty list has no part."""
    if any("contentEncoding" in each for each in schema.get("anyOf", ())):
        return _BINARY
    if schema.get("type") != "array":
        return schema
    some = {"minItems": max(1, schema.get("minItems", 0))}
    return schema | some | ({"items": _part(schema["items"])} if schema.get("items") else {})


def _needs_body(side: Mapping[str, Any]) -> bool:
    """Whether an empty body is refused; an argument of bytes may be empty."""
    schema = side.get("schema", {})
    is_empty = schema.get("type") == "object" and not schema.get("properties")
    return side.get("kind") != "bytes" and not is_empty


def _media(schema: Json) -> Json:
    return {"schema": schema}


def _operation_id(route: Route) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", route.path).strip("_") or route.method


def _summary(route: Route) -> str:
    first = route.doc.strip().partition("\n")[0]
    if first:
        return first
    return f"Call {route.method} of the model {route.model}." if route.model else route.method


def _failures() -> Json:
    content = {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        status: {"description": description, "content": content}
        for status, description in _ERRORS.items()
    }


def _health() -> Json:
    def get(name: str, summary: str, content: str, *more: str) -> Json:
        media: Json = {content: {"schema": {"type": "object" if content == JSON else "string"}}}
        answers = {status: {"description": summary, "content": media} for status in ("200", *more)}
        return {"get": {"operationId": name, "summary": summary, "responses": answers}}

    return {
        "/livez": get("live", "The process answers.", JSON),
        "/readyz": get("ready", "Everything is loaded and warm; 503 says why not.", JSON, "503"),
        "/metrics": get("metrics", "Numbers in Prometheus' text format.", TEXT),
    }
