"""Openapi: the paths of Seldon's protocol."""

from typing import Any

from ..catalog import Catalog
from ..paths import operation

Json = dict[str, Any]

_DATA: Json = {
    "type": "object",
    "properties": {
        "names": {"type": "array", "items": {"type": "string"}},
        "ndarray": {"type": "array"},
        "tensor": {
            "type": "object",
            "properties": {
                "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
                "values": {"type": "array", "items": {"type": "number"}},
            },
            "required": ["shape", "values"],
        },
    },
}
MESSAGE: Json = {
    "type": "object",
    "properties": {
        "meta": {"type": "object"},
        "data": _DATA,
        "strData": {"type": "string"},
        "binData": {"type": "string", "contentEncoding": "base64"},
        "jsonData": {},
    },
}
_FEEDBACK: Json = {
    "type": "object",
    "properties": {
        "request": MESSAGE,
        "response": MESSAGE,
        "truth": MESSAGE,
        "reward": {"type": "number"},
    },
}


def paths(catalog: Catalog) -> Json:
    """What this protocol adds to openapi.json; the first model's rows are the example."""
    predict = operation("seldon_predictions", "Predictions of the first model.", MESSAGE, MESSAGE)
    samples = next((each.samples for each in catalog.served()), None)
    if samples is not None:
        content = predict["requestBody"]["content"]["application/json"]
        content["example"] = {"data": {"ndarray": list(samples.inputs)}}
    feedback = operation("seldon_feedback", "A reward for an answer.", MESSAGE, _FEEDBACK)
    health = operation("seldon_status", "Whether the models are ready.")
    metadata = operation("seldon_metadata", "What the models take and give.")
    return {
        "/api/v1.0/predictions": {"post": predict},
        "/api/v1.0/feedback": {"post": feedback},
        "/api/v1.0/health/status": {"get": health},
        "/api/v1.0/metadata": {"get": metadata},
    }
