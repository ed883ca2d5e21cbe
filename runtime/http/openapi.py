"""openapi.json: the contract of a bundle's server, from its manifests and recorded samples."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..data.payload import CSV, JSON, NPY
from ..data.samples import Samples
from ..data.schema import envelope
from ..dialects.dialect import Dialect
from ..manifest import BundleManifest, ModelManifest, Route

VERSION = "3.1.0"

Json = dict[str, Any]

_ERRORS = {
    "400": "The body is not what its content type says.",
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
) -> Json:
    """The OpenAPI 3.1 document of the server that `manifest` describes.

    `models` by alias; `samples` by the path of the route that they are of; `spoken` are dialects
    beside the bundle's own.
    """
    samples = samples or {}
    paths: Json = {
        route.path: {"post": _operation(route, models, samples.get(route.path))}
        for route in manifest.routes
        if "native" in manifest.serve.get("dialects", ("native",))
    }
    for dialect in spoken:
        paths = dialect.document() | paths
    return {
        "openapi": VERSION,
        "info": _info(manifest),
        "paths": paths | _health(),
        "components": {
            "schemas": {
                "Error": {
                    "type": "object",
                    "properties": {"error": {"type": "string"}},
                    "required": ["error"],
                }
            }
        },
    }


def _info(manifest: BundleManifest) -> Json:
    info: Json = {"title": manifest.name, "version": manifest.version or "0"}
    return info | ({"description": manifest.description} if manifest.description else {})


def _operation(route: Route, models: Mapping[str, ModelManifest], samples: Samples | None) -> Json:
    model = models.get(route.model or "")
    signature = model.methods.get(route.method) if model else None
    if signature is not None:
        request = _model_request(envelope("instances", signature.inputs), samples)
        if signature.inputs.layout != "objects":
            request["content"][CSV] = {"schema": _BINARY}
        response = _media(envelope("predictions", signature.outputs))
        if samples:
            response["example"] = {"predictions": list(samples.outputs)}
        answers = {JSON: response}
        if signature.outputs.layout == "array":
            answers[NPY] = {"schema": _BINARY}
    else:
        request = {"required": True, "content": _service_content(route.input)}
        answers = _service_content(route.output)
    return {
        "operationId": _operation_id(route),
        "summary": _summary(route),
        **({"description": route.doc} if route.doc else {}),
        "requestBody": request,
        "responses": {"200": {"description": "The answer.", "content": answers}} | _failures(),
    }


_BINARY: Json = {"type": "string", "format": "binary"}


def _model_request(schema: Json, samples: Samples | None) -> Json:
    body: Json = {"schema": schema}
    if samples:
        body["example"] = {"instances": list(samples.inputs)}
    return {"required": True, "content": {JSON: body, NPY: {"schema": _BINARY}}}


def _service_content(side: Mapping[str, Any]) -> Json:
    """The content types of an author's API; only JSON has a schema of its own."""
    media = side.get("media") or [JSON]
    schema = dict(side.get("schema", {}))
    return {kind: {"schema": schema if kind == JSON else _BINARY} for kind in media}


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
        "/metrics": get("metrics", "Numbers in Prometheus' text format.", "text/plain"),
    }
