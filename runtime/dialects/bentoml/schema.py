"""Schema: describes the calls to BentoML's clients: the parameters and the answer of each.

Source: BentoML, "BentoML clients" in its documentation, and what its client does with
`/schema.json`. Arrays, tables and files have types of their own there, by which the client turns
them into what goes over the wire.
"""

from collections.abc import Mapping
from typing import Any

from ...manifests.signature import Side
from ..bodies.bare import takes_rows
from ..served import Served

ROWS = "rows"
"""The name of the parameter of a saved model, and of an API whose bundle names none."""

_TABLES: Mapping[str, dict[str, Any]] = {
    "array": {"type": "tensor", "format": "numpy-array"},
    "columns": {"type": "dataframe", "orient": "records"},
    "dataframe": {"type": "dataframe", "orient": "records"},
    "rows": {"type": "array"},
}
_WHOLE: Mapping[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "bytes": {"type": "string", "format": "binary"},
    "image": {"type": "file", "pil": True},
}
_FILE = {"type": "file", "format": "binary"}
_NUMBERS = ("number", "integer", "boolean")


def called(served: Served) -> str:
    """The name of a call: the method of a service class, or the saved model."""
    return served.route.method if served.signature is None else served.name


def described(served: Served, route: str) -> dict[str, Any]:
    """The schema of one call, which is served at `route`."""
    return {
        "name": called(served),
        "route": route,
        "doc": served.route.doc,
        "batchable": served.route.batchable,
        "input": _taken(served),
        "output": _answer_schema(served),
        "is_task": False,
    }


def only(served: Served) -> str | None:
    """The name of the only parameter, if the native body is its value; None if it has names."""
    if served.signature is not None:
        return ROWS
    name: str | None = served.route.input.get("parameter")
    return name or (ROWS if takes_rows(served) else None)


def answer_kind(served: Served) -> str:
    """What an answer is; `rows` of anything but numbers, which come as JSON."""
    if served.signature is not None:
        return ""
    kind: str = served.route.output.get("kind", "")
    return "rows" if served.route.batchable and kind not in _TABLES else kind


def lists_of_files(served: Served) -> frozenset[str]:
    """The parameters that are lists of files, even with one file."""
    named: Mapping[str, Any] = _taken(served)["properties"]
    return frozenset(name for name, each in named.items() if each.get("items") == _FILE)


def is_rows(served: Served) -> bool:
    """Whether that parameter is rows, which are in `instances`."""
    return served.signature is not None or takes_rows(served)


def _taken(served: Served) -> dict[str, Any]:
    schema: dict[str, Any] = served.route.input.get("schema", {})
    name = only(served)
    if name is not None:
        rows = _rows(served) if is_rows(served) else schema
        return {"type": "object", "properties": {name: rows}, "required": [name]}
    properties = schema.get("properties", {})
    typed = {each: _typed(value) for each, value in properties.items()}
    return {**schema, "type": "object", "properties": typed}


def _rows(served: Served) -> dict[str, Any]:
    if served.signature is not None:
        return _of_side(served.signature.inputs)
    listed: dict[str, Any] = served.route.input["schema"]["properties"]["instances"]
    return _TABLES.get(served.route.input.get("kind", "")) or dict(_typed(listed))


def _answer_schema(served: Served) -> dict[str, Any]:
    if served.signature is not None:
        return _of_side(served.signature.outputs)
    output, kind = served.route.output, answer_kind(served)
    schema = _TABLES.get(kind) or _WHOLE.get(kind) or output.get("schema", {})
    if served.route.streaming:
        return schema | {"is_stream": True}
    # The client takes every other string as it comes, quotes included.
    is_text = kind in _WHOLE or schema.get("type") != "string"
    return schema if is_text else {name: each for name, each in schema.items() if name != "type"}


def _of_side(side: Side) -> dict[str, Any]:
    return _TABLES.get(side.layout, {"type": "array"})


def _typed(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A parameter; bytes are a file, and a list of anything, or of numbers, may be an array.

    Lists of any sizes are told apart: the client makes one array of each, which has one shape.
    """
    choices = (schema, *schema.get("anyOf", ()))
    if any("contentEncoding" in each for each in choices):
        return _FILE
    if "prefixItems" in schema:  # a tuple, for which the client has no word
        return {}
    if schema.get("type") != "array":
        return schema
    items = schema.get("items")
    if items is None or _is_dense(items):
        return _TABLES["array"]
    return {**schema, "items": _typed(items)}


def _is_dense(schema: Mapping[str, Any]) -> bool:
    """Whether items are numbers, or lists of them that all have one size."""
    while schema.get("type") == "array" and schema.get("minItems") == schema.get("maxItems", -1):
        schema = schema.get("items", {})
    return schema.get("type") in _NUMBERS
