"""Schema: the rows of a signature as JSON Schema 2020-12."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...manifests.signature import Field, Side
from . import column

Json = dict[str, Any]

_TYPES: Mapping[str, Json] = {
    "b": {"type": "boolean"},
    "i": {"type": "integer"},
    "u": {"type": "integer"},
    "f": {"type": "number"},
    "d": {"type": "string", "format": "date-time"},
    "s": {"type": "string"},
}
BASE64: Json = {
    "type": "string",
    "contentEncoding": "base64",
    "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
}
"""Bytes in a string: whatever reads such refuses any other."""
_B64: Json = {
    "type": "object",
    "properties": {"b64": BASE64},
    "required": ["b64"],
}
_TIME = (  # of the four centuries that nanoseconds hold whole
    "^(1[7-9]|2[01])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
    r"(T([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]{1,9})?(Z|[-+](0[0-9]|1[0-4]):[0-5][0-9])?)?$"
)


def envelope(key: str, side: Side) -> Json:
    """`{key: [rows]}`; answers have records only, where instances may be lists as well."""
    items = row(side) if key == "instances" else prediction(side)
    return {
        "type": "object",
        "properties": {key: {"type": "array", "items": items}},
        "required": [key],
        "additionalProperties": False,
    }


def of_some_rows(schema: Mapping[str, Any]) -> Json:
    """What an author's API takes: its `instances`, if it has any, are not none."""
    named = schema.get("properties", {})
    if named.keys() != {"instances"} or named["instances"].get("type") != "array":
        return dict(schema)
    listed = named["instances"]
    some = {"instances": listed | {"minItems": max(1, listed.get("minItems", 0))}}
    return dict(schema) | {"properties": some, "additionalProperties": False}


def prediction(side: Side) -> Json:
    """One prediction."""
    return _record(side, scalar)


def record(side: Side) -> Json:
    """One instance, by the names of its values where they have some."""
    return _record(side, _input_value)


def _record(side: Side, cell: Callable[[str], Json]) -> Json:
    if side.layout == "objects" or not side.fields:
        return {}
    if side.layout == "array":
        return _value(side.fields[0], cell)
    return {
        "type": "object",
        "properties": {field.name: _value(field, cell) for field in side.fields},
        "required": [field.name for field in side.fields],
        "additionalProperties": False,
    }


def row(side: Side) -> Json:
    """One instance: a record may be spelled as a list."""
    named = record(side)
    if side.layout in {"objects", "array"} or not side.fields:
        return named
    values = [_value(field, _input_value) for field in side.fields]
    alike = all(value == values[0] for value in values)
    listed: Json = {
        "type": "array",
        **({"items": values[0]} if alike else {"prefixItems": values}),
        "minItems": len(values),
        "maxItems": len(values),
        "description": "The same values in the order of the fields.",
    }
    return {"anyOf": [named, listed]}


def _input_value(dtype: str) -> Json:
    """One value of a request: of times, those that nanoseconds hold; bytes also as they are."""
    if column.plain(dtype) == "bytes":
        return {"anyOf": [BASE64, _B64]}
    if not dtype.startswith("datetime64[ns"):
        return scalar(dtype)
    return {"type": "string", "pattern": _TIME, "description": "An ISO 8601 time."}


def _value(field: Field, cell: Callable[[str], Json]) -> Json:
    schema = cell(field.dtype)
    if field.choices:
        schema = {"type": schema["type"]} if "type" in schema else {}
        schema["enum"] = [*field.choices, *([None] if field.is_nullable else [])]
    if field.is_ordered:
        schema = {"enum": [*field.categories, *([None] if field.is_nullable else [])]}
    if field.is_nullable and cell(field.dtype) == _input_value("bytes"):
        schema = {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    elif field.is_nullable and schema.get("type"):
        kinds = schema["type"]
        schema["type"] = [*(kinds if isinstance(kinds, list) else [kinds]), "null"]
    one = schema
    for size in reversed(field.shape[1:]):
        exact: Json = {} if size is None else {"minItems": size, "maxItems": size}
        schema = {"type": "array", "items": schema} | exact
    is_one_cell = cell is _input_value and field.shape[1:] == (1,)  # which may stand alone
    return {"anyOf": [schema, one]} if is_one_cell else schema


def scalar(dtype: str) -> Json:
    """One value of a dtype in an answer."""
    dtype = column.plain(dtype)
    if dtype == "object":
        return {}
    if dtype == "category":
        return {"type": ["string", "number", "boolean"]}
    if dtype == "bytes":
        return _B64
    letter = "f" if dtype == "bfloat16" else dtype[0]
    return dict(_TYPES.get(letter, {})) | _limits(dtype, letter)


def _limits(dtype: str, letter: str) -> Json:
    """Between which numbers those of a dtype are; beyond float64 JSON has none."""
    if letter == "f":
        if dtype == "float64" or not dtype.startswith("float"):
            return {}
        most = np.finfo(dtype).max
        last = float(most) - float(np.nextafter(most, most.dtype.type(0)))
        beyond = float(most) + last / 2  # from here on it is rounded to infinity
        return {"exclusiveMinimum": -beyond, "exclusiveMaximum": beyond}
    if letter not in {"i", "u"}:
        return {}
    try:
        limits = np.iinfo(dtype)
    except (ValueError, TypeError):  # a dtype that numpy does not have
        return {}
    return {"minimum": int(limits.min), "maximum": int(limits.max)}
