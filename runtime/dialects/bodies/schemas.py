"""The JSON Schemas of bodies without an envelope, for OpenAPI.

What `bare` and `raw` read: only what every reader of the document can rely on is promised.
"""

from collections.abc import Mapping
from typing import Any

from ...data import media
from ...data.codecs.csv_schema import csv_schema, is_of_cells
from ...data.rows.schema import of_some_rows, record, row
from ...manifests.signature import Side
from ..openapi import BINARY
from ..served import Served
from .bare import takes_rows

Json = dict[str, Any]


def bare(side: Side) -> Json:
    """Rows, one row, or `{"instances": rows}`; see `bare.Bare`."""
    if side.layout == "objects" or not side.fields:
        return {}
    enveloped = {
        "type": "object",
        "properties": {"instances": rows(side)},
        "required": ["instances"],
        "additionalProperties": False,
    }
    return {"anyOf": [enveloped, rows(side), _single(side)]}


def rows(side: Side) -> Json:
    """A list of at least one row."""
    return {"type": "array", "items": row(side), "minItems": 1}


def _single(side: Side) -> Json:
    """The schema of one row: a list only if it cannot be taken for rows."""
    is_flat = all(len(field.shape) == 1 and field.dtype != "object" for field in side.fields)
    return (
        row(side) if side.layout == "array" or (is_flat and len(side.fields) > 1) else record(side)
    )


def json_body(served: Served) -> Json:
    """The schema of a JSON body; for an API as declared, or bare rows."""
    if served.signature is not None:
        return bare(served.signature.inputs)
    schema = served.route.input.get("schema", {})
    named = of_some_rows(schema)
    if not takes_rows(served):
        return named
    return {"anyOf": [named, named["properties"]["instances"]]}


def whole(served: Served) -> dict[str, Json]:
    """The content types of a raw body, if the model takes one `bytes` or `str`."""
    fields = served.signature.inputs.fields if served.signature is not None else ()
    if len(fields) != 1 or len(fields[0].shape) != 1:
        return {}
    if fields[0].dtype == "bytes":
        return {media.OCTETS: BINARY}
    return {media.TEXT: {"type": "string"}} if fields[0].dtype == "str" else {}


def streamed(served: Served) -> dict[str, Json]:
    """The content types of a streamed answer, if there is one."""
    kinds = served.route.output.get("media", ()) if served.route.streaming else ()
    return {kind: {"type": "string"} for kind in kinds}


def tables(served: Served) -> dict[str, Json]:
    """The content types of tables that the native route takes."""
    if served.signature is None:
        return {}
    arrays = {media.NPY: BINARY, media.NPZ: BINARY}
    inputs = served.signature.inputs
    return {media.CSV: csv_schema(inputs)} | arrays if is_of_cells(inputs) else arrays


def is_text(schema: Any) -> bool:
    """Whether the values of a schema, or those in a list of them, are texts and nothing else."""
    if not isinstance(schema, Mapping):
        return False
    if isinstance(items := schema.get("items"), Mapping):
        return is_text(items)
    kinds = {each.get("type") for each in schema.get("anyOf", (schema,))}
    return kinds in ({"string"}, {"string", "null"})
