"""Openapi: the paths of V1, each model with its own schema and its recorded samples."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from ...data import media
from ...data.rows.schema import of_some_rows, record, row
from ...manifests.signature import Side, Signature
from ..bodies.schemas import streamed
from ..catalog import Catalog
from ..openapi import operation
from ..served import Served
from .rows import B64, WHOLE, is_other_name
from .signature_def import DEFAULT

Json = dict[str, Any]

_NEVER: Json = {"not": {}}
_LISTS: Json = {"predictions": {"type": "array"}}
_RESULTS: Json = {"results": {"type": "array"}}


def paths(catalog: Catalog) -> Json:
    """What V1 adds to openapi.json."""
    found = {"/v1/models": {"get": operation("v1_models", "The names of all models.")}}
    for served in _defaults(catalog.served()):
        found |= _model(catalog, served)
    return found


def _defaults(models: Iterable[Served]) -> Iterable[Served]:
    """The default version of each model."""
    seen: set[str] = set()
    for served in models:
        if served.name not in seen:
            seen.add(served.name)
            yield served


def _model(catalog: Catalog, served: Served) -> Json:
    base, name = f"/v1/models/{quote(served.name, safe='')}", served.name
    known = _methods(catalog, served)
    verbs = {"predict": _predict(catalog, served)}
    if served.signature is not None:
        scored = "predict_proba" if "predict_proba" in known else served.method
        for verb, default in (("classify", scored), ("regress", served.method)):
            if _speaks(verb, known[default].outputs):
                inputs = known[default].inputs
                body = _examples(inputs) | _named(default, known, inputs, verb)
                answer = _object(_RESULTS, "results")
                summary = f"{verb.title()} examples by {name}."
                verbs[verb] = operation(
                    f"v1_{name}_{verb}", summary, answer, _object(body, "examples")
                )
    posts = {f"{base}:{verb}": {"post": posted} for verb, posted in verbs.items()}
    status = operation(f"v1_{name}_status", f"Whether {name} is ready, and its versions.")
    metadata = operation(f"v1_{name}_metadata", f"What {name} takes and gives.")
    return posts | {base: {"get": status}, f"{base}/metadata": {"get": metadata}}


def _methods(catalog: Catalog, served: Served) -> dict[str, Signature]:
    """The signatures of a model's methods."""
    found = catalog.signatures(served).items()
    return {method: signature for method, signature in found if signature is not None}


def _predict(catalog: Catalog, served: Served) -> Json:
    """Rows in, predictions out; columns in, outputs out."""
    summary, name = f"Predictions of {served.name}.", f"v1_{served.name}_predict"
    if served.signature is None:
        return operation(name, summary, {}, request_body(catalog, served), answers=streamed(served))
    answer = {"anyOf": [_object(_LISTS, "predictions"), _object({"outputs": {}}, "outputs")]}
    posted = operation(name, summary, answer, request_body(catalog, served))
    if served.samples is not None:
        content = posted["requestBody"]["content"][media.JSON]
        content["example"] = {"instances": list(served.samples.shown.inputs)}
    return posted


def request_body(catalog: Catalog, served: Served, shared: Json | None = None) -> Json:
    """The body of a `:predict`; `shared` are properties that it may have besides."""
    if served.signature is None:
        return of_some_rows(served.route.input.get("schema", {}))
    known = _methods(catalog, served)
    forms = []
    for method, inputs in _kinds(served, known):
        is_default = method == served.method
        named = _named(method if is_default else "", known, inputs) | (shared or {})
        needed = () if is_default else ("signature_name",)
        rows = {"instances": _rows(inputs), "inputs": _NEVER} | named
        columns = {"inputs": _columns(inputs), "instances": _NEVER} | named
        forms += [_object(rows, "instances", *needed), _object(columns, "inputs", *needed)]
    return {"anyOf": forms}


def _kinds(served: Served, known: dict[str, Signature]) -> list[tuple[str, Side]]:
    """A method for each kind of inputs, the default one first."""
    found = [(served.method, known[served.method].inputs)]
    for method, signature in known.items():
        if all(signature.inputs != inputs for _, inputs in found):
            found.append((method, signature.inputs))
    return found


def _named(default: str, known: dict[str, Signature], inputs: Side, verb: str = "") -> Json:
    """`signature_name`: the methods of this form; optional for the default one."""
    names = [
        name
        for name, signature in known.items()
        if signature.inputs == inputs and (not verb or _speaks(verb, signature.outputs))
    ]
    return {"signature_name": {"enum": [*(["", DEFAULT] if default else []), *names]}}


def _rows(side: Side) -> Json:
    """A list of values, or of objects with one for each input."""
    return {"type": "array", "minItems": 1, "items": _item(side)}


def _item(side: Side) -> Json:
    if len(side.fields) != 1 or side.layout == "objects":
        return row(side)
    name, value = side.fields[0].name, _value(side, 0)
    named = _object({name: value}, name) | {"additionalProperties": False}
    return {"anyOf": [value, named, *_named_otherwise(side)]}


def _named_otherwise(side: Side) -> list[Json]:
    """An object with the only input, under a name that it may have, too."""
    if side.layout == "tensors":
        names: Json = {"enum": [name for name in WHOLE if is_other_name(side, name)]}
    else:
        names = {"not": {"const": B64}} if not is_other_name(side, B64) else {}
    if len(side.fields) != 1 or not is_other_name(side, next(iter(WHOLE))):
        return []
    of_one = {"minProperties": 1, "maxProperties": 1, "propertyNames": names}
    return [{"type": "object", "additionalProperties": _value(side, 0)} | of_one]


def _columns(side: Side) -> Json:
    """A tensor for each input, all of as many rows; of the only input that alone will do."""
    if side.layout == "objects" or not side.fields:
        return {"type": "array", "minItems": 1}
    tensors = {
        field.name: {"type": "array", "minItems": 1, "items": _value(side, index)}
        for index, field in enumerate(side.fields)
    }
    each = _object(tensors, *tensors) | {"additionalProperties": False}
    return {"anyOf": [_rows(side), each]}


def _value(side: Side, index: int) -> Json:
    """One row of one input, whatever else there is: of all of them a table has thousands."""
    return record(Side("array", (side.fields[index],)))


def _examples(side: Side) -> Json:
    """Examples; features in `context` are not repeated in them."""
    if side.layout == "objects" or not side.fields:
        return {
            "examples": {"type": "array", "minItems": 1, "items": {"type": "object"}},
            "context": _CONTEXT,
        }
    features = {field.name: _value(side, index) for index, field in enumerate(side.fields)}
    needed = [field.name for field in side.fields if not side.is_optional(field)]
    example = _object(features, *needed)  # others are passed over
    others = _named_otherwise(side)
    if others:
        example = {"anyOf": [example, *others]}
    context: Json = {"properties": {key: {} for key in features}}
    return {
        "examples": {"type": "array", "minItems": 1, "items": example},
        "context": _CONTEXT | context,
    }


_CONTEXT: Json = {"type": "object", "description": "Features of all examples."}


def _speaks(verb: str, outputs: Side) -> bool:
    """Whether a method that answers so classifies, or regresses."""
    widths = [field.shape[1:] for field in outputs.fields]
    kinds = {field.dtype.rstrip("0123456789") for field in outputs.fields}
    if verb == "regress":
        return len(widths) == 1 and widths[0] in {(), (1,)} and kinds <= {"float", "int", "uint"}
    is_matrix = len(widths) == 1 and len(widths[0]) == 1
    return kinds == {"float"} and (is_matrix or (len(widths) > 1 and not any(widths)))


def _object(properties: Json, *required: str) -> Json:
    return {"type": "object", "properties": properties, "required": list(required)}
