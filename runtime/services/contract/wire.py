"""Wire: the request body and the answer of an API, from its specs.

instances    {"instances": [...]}: rows of an array or a DataFrame, and every batchable API
record       the fields of the one dataclass or pydantic model that the method takes
parameters   {"name": value, ...}: everything else, one key a parameter

An answer made of rows is {"predictions": [...]}; any other is the JSON of the result itself.
"""

from collections.abc import Sequence
from typing import Any, Literal

from ...data.media import CSV, EVENTS, JSON, LINES, MULTIPART, NPY, NPZ, OCTETS, PNG, TEXT
from .types.spec import FieldSpec, Kind, Spec

Form = Literal["instances", "record", "parameters"]

_ARGUMENTS: dict[Kind, tuple[str, ...]] = {
    "array": (JSON, NPY, NPZ, CSV, MULTIPART),
    "dataframe": (JSON, NPZ, CSV, MULTIPART),
    "str": (JSON, TEXT, MULTIPART),
    "bytes": (JSON, OCTETS, MULTIPART),
    "image": (JSON, "image/*", MULTIPART),
}
_ANSWERS: dict[Kind, tuple[str, ...]] = {
    "array": (JSON, NPY),
    "str": (JSON, TEXT),
    "bytes": (OCTETS, JSON),
    "image": (PNG, JSON),
}
_ROWS = ("array", "dataframe")
_RECORDS = ("pydantic", "dataclass")


def form(parameters: Sequence[FieldSpec], *, batchable: bool) -> Form:
    """The form of the arguments in a JSON body."""
    if batchable:
        return "instances"
    if len(parameters) != 1:
        return "parameters"
    kind = parameters[0].spec.kind
    if kind in _ROWS:
        return "instances"
    return "record" if kind in _RECORDS else "parameters"


def unit(parameters: Sequence[FieldSpec], *, batchable: bool) -> Kind:
    """What one body is about: the kind of the one parameter, or of one row of a list."""
    if len(parameters) != 1:
        return "json"
    spec = parameters[0].spec
    return spec.item.kind if batchable and spec.item else spec.kind


def fault(
    parameters: Sequence[FieldSpec],
    result: Spec,
    *,
    batchable: bool,
    streaming: bool,
    headers: bool = False,
) -> tuple[str, str] | None:
    """Why no request could have this form, as the end of a sentence, and a hint."""
    if not batchable:
        return None
    if headers or streaming:
        one = "gets headers; rows" if headers else "streams; one call"
        rest = "of many requests have none" if headers else "cannot stream to many"
        return f"is batchable and {one} {rest}.", "Drop `batchable=True`."
    if len(parameters) != 1:
        count = len(parameters)
        return (
            f"is batchable: it takes one parameter, the rows of many requests, not {count}.",
            "Take one array, DataFrame or list, or drop `batchable=True`.",
        )
    if not _is_rows(parameters[0].spec):
        name = parameters[0].name
        return (
            f"is batchable, but `{name}` is annotated as one value, not as rows.",
            f"Write `{name}: list[...]`: it gets the items of many requests.",
        )
    if (not _is_rows(result) and result.schema.get("type") != "object") or result.kind in _RECORDS:
        return (
            "is batchable, but is annotated to return one value, not a row for each that it takes.",
            "Return an array, a DataFrame, a list or a dict of arrays.",
        )
    return None


def _is_rows(spec: Spec) -> bool:
    is_list = spec.schema.get("type") == "array" and not spec.schema.get("uniqueItems")
    return is_list or spec.kind == "object"


def request(
    parameters: Sequence[FieldSpec], *, batchable: bool, headers: bool = False
) -> dict[str, Any]:
    """`Route.input`: kind, JSON Schema of the body, and the content types that it may have.

    `parameter` is what the method calls the one thing that is all of the body.
    `headers` is there, and true, where the method asks for what comes beside the body.
    """
    kind = unit(parameters, batchable=batchable)
    match form(parameters, batchable=batchable):
        case "instances":
            schema = _wrapped("instances", parameters[0].spec)
        case "record":
            schema = dict(parameters[0].spec.schema)
        case "parameters":
            schema = {
                "type": "object",
                "properties": {each.name: each.schema for each in parameters},
                "required": [each.name for each in parameters if each.required],
                "additionalProperties": False,
            }
    taken: dict[str, Any] = {
        "kind": kind,
        "schema": schema,
        "media": list(_ARGUMENTS.get(kind, (JSON, MULTIPART))),
    }
    if form(parameters, batchable=batchable) != "parameters":  # the body does not name it
        taken["parameter"] = parameters[0].name
    return taken | {"headers": True} if headers else taken


def response(result: Spec, *, batchable: bool, streaming: bool) -> dict[str, Any]:
    """`Route.output`: kind, JSON Schema of the answer (of one item of a stream), content types."""
    if streaming:
        media = [OCTETS] if result.kind == "bytes" else [LINES, EVENTS]
        media += [TEXT] if result.kind == "str" else []
        return {"kind": result.kind, "schema": dict(result.schema), "media": media}
    if batchable or result.kind in _ROWS:
        kind = result.item.kind if result.item else result.kind
        media = [JSON, NPY] if result.kind == "array" else [JSON]
        media += [NPZ, CSV] if result.kind in _ROWS else []
        return {"kind": kind, "schema": _wrapped("predictions", result), "media": media}
    media = list(_ANSWERS.get(result.kind, (JSON,)))
    schema = dict(result.schema)
    if any(member.kind in _ROWS for member in result.members):  # of which each is written its way
        each = [response(one, batchable=False, streaming=False) for one in result.members]
        media = list(dict.fromkeys(kind for one in each for kind in one["media"]))
        schema = {"anyOf": [one["schema"] for one in each]}
    return {"kind": result.kind, "schema": schema, "media": media}


def _wrapped(key: str, rows: Spec) -> dict[str, Any]:
    is_list = rows.schema.get("type") == "array"
    items = rows.schema if is_list else {"type": "array"}
    return {"type": "object", "properties": {key: items}, "required": [key]}
