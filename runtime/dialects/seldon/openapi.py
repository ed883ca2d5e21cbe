"""Openapi: the paths of Seldon's protocol."""

from typing import Any

from ...data import media
from ...data.rows.schema import BASE64, of_some_rows
from ...manifests.signature import Side
from ..bodies.bare import takes_rows
from ..bodies.schemas import bare, rows, streamed
from ..catalog import Catalog
from ..openapi import operation
from ..served import Served

Json = dict[str, Any]

_NEVER: Json = {"not": {}}
_KINDS = ("data", "jsonData", "strData", "binData")
_META: Json = {"meta": {"type": ["object", "null"]}}
_NAMES: Json = {"type": ["array", "null"], "items": {"type": "string"}}
_TENSOR: Json = {
    "type": "object",
    "properties": {
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
        "values": {"type": "array", "items": {"type": "number"}},
    },
    "required": ["shape", "values"],
    "description": "As many values as the sizes of the shape make, which no schema can say.",
}
_ANSWER: Json = {
    "type": "object",
    "properties": {
        "meta": {"type": "object"},
        "data": {"type": "object"},
        "strData": {"type": "string"},
        "binData": BASE64,
        "jsonData": {},
    },
}
_MESSAGE: Json = {"description": "A message. Of its meta the `puid` is read."}
_FEEDBACK: Json = {
    "type": "object",
    "properties": {
        "request": _MESSAGE,
        "response": _MESSAGE,
        "truth": {"description": "What would have been right, in any form."},
        "reward": {"type": "number"},
    },
}


def paths(catalog: Catalog) -> Json:
    """What this protocol adds to openapi.json; the first model's rows are the example."""
    feedback = operation("seldon_feedback", "A reward for an answer.", _ANSWER, _FEEDBACK)
    health = operation("seldon_status", "Whether the models are ready.")
    metadata = operation("seldon_metadata", "What the models take and give.")
    found: Json = {
        "/api/v1.0/feedback": {"post": feedback},
        "/api/v1.0/health/status": {"get": health},
        "/api/v1.0/metadata": {"get": metadata},
    }
    first = next(iter(catalog.served()), None)
    return found if first is None else found | {"/api/v1.0/predictions": {"post": _predict(first)}}


def _predict(served: Served) -> Json:
    summary = "Predictions of the first model."
    described = operation(
        "seldon_predictions", summary, _ANSWER, _message(served), answers=streamed(served)
    )
    if served.samples is not None:
        content = described["requestBody"]["content"][media.JSON]
        content["example"] = {"data": {"ndarray": list(served.samples.inputs)}}
    return described


def _message(served: Served) -> Json:
    """Exactly one of the forms that the model takes."""
    if served.signature is None:
        taken = {"jsonData": of_some_rows(served.route.input.get("schema", {}))}
        if takes_rows(served):
            listed = taken["jsonData"]["properties"]["instances"]
            taken["data"] = _one_of({"ndarray": listed}, ("ndarray", "tensor"), {"names": _NAMES})
    else:
        taken = _forms(served.signature.inputs)
    return _one_of(taken, _KINDS, _META)


def _forms(side: Side) -> Json:
    listed = {"ndarray": rows(side), "tensor": _TENSOR}
    if any(field.dtype in {"str", "bytes", "bool"} for field in side.fields):
        del listed["tensor"]  # which is of numbers
    data = _one_of(listed, ("ndarray", "tensor"), {"names": _NAMES})
    taken = {"data": data, "jsonData": bare(side)}
    dtype = side.fields[0].dtype if len(side.fields) == 1 else ""
    is_bytes = dtype == "bytes" and side.layout == "array"
    if dtype == "str" or is_bytes or side.layout == "objects":
        taken["strData"] = {"type": "string"}
    if dtype == "bytes":
        taken["binData"] = BASE64
    return taken


def _one_of(taken: Json, kinds: tuple[str, ...], shared: Json) -> Json:
    """Objects with one of `kinds`, and none of the others."""
    forms = [
        {
            "type": "object",
            "properties": {kind: schema}
            | dict.fromkeys((x for x in kinds if x != kind), _NEVER)
            | shared,
            "required": [kind],
        }
        for kind, schema in taken.items()
    ]
    return forms[0] if len(forms) == 1 else {"anyOf": forms}
