"""Openapi: the paths of V1, each model with its own schema and its recorded samples."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from ...data.schema import row
from ...signature import OBJECTS
from ..catalog import Catalog
from ..paths import operation
from ..served import Served

Json = dict[str, Any]


def paths(catalog: Catalog) -> Json:
    """What V1 adds to openapi.json."""
    found = {"/v1/models": {"get": operation("v1_models", "The names of all models.")}}
    for served in _defaults(catalog.served()):
        found |= _model(served)
    return found


def _defaults(models: Iterable[Served]) -> Iterable[Served]:
    """The default version of each model."""
    seen: set[str] = set()
    for served in models:
        if served.name not in seen:
            seen.add(served.name)
            yield served


def _model(served: Served) -> Json:
    base, name = f"/v1/models/{quote(served.name, safe='')}", served.name
    verbs = {"predict": _predict(served)}
    if served.signature is not None:
        examples = {"type": "array", "items": {"type": "object"}}
        body = _object({"examples": examples, "context": {"type": "object"}}, "examples")
        said = _object({"results": {"type": "array"}}, "results")
        for verb in ("classify", "regress"):
            what = f"{verb.title()} examples by {name}."
            verbs[verb] = operation(f"v1_{name}_{verb}", what, said, body)
    posts = {f"{base}:{verb}": {"post": posted} for verb, posted in verbs.items()}
    status = operation(f"v1_{name}_status", f"Whether {name} is ready, and its versions.")
    metadata = operation(f"v1_{name}_metadata", f"What {name} takes and gives.")
    return posts | {base: {"get": status}, f"{base}/metadata": {"get": metadata}}


def _predict(served: Served) -> Json:
    """Rows in, predictions out; columns in, outputs out."""
    signature = served.signature
    inputs, outputs = (signature.inputs, signature.outputs) if signature else (OBJECTS, OBJECTS)
    rows = {"type": "array", "items": row(inputs)}
    name = {"signature_name": {"type": "string"}}
    body: Json = _object({"instances": rows} | name, "instances")
    said: Json = _object({"predictions": {"type": "array", "items": row(outputs)}}, "predictions")
    if signature is None:
        body, said = {}, {}
    else:
        body = {"anyOf": [body, _object({"inputs": {}} | name, "inputs")]}
        said = {"anyOf": [said, _object({"outputs": {}}, "outputs")]}
    posted = operation(f"v1_{served.name}_predict", f"Predictions of {served.name}.", said, body)
    samples = served.samples
    if samples is not None and signature is not None:
        content = posted["requestBody"]["content"]["application/json"]
        content["example"] = {"instances": list(samples.inputs)}
    return posted


def _object(properties: Json, *required: str) -> Json:
    return {"type": "object", "properties": properties, "required": list(required)}
