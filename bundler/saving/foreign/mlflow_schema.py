"""Converts MLflow's schemas to signatures, and its input examples to rows.

Source: mlflow.org, "Model Signatures and Input Examples"; the JSON inside of `MLmodel`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ....runtime.manifests.signature import OBJECTS, Field, Side, Signature

_DTYPES = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "string": "str",
    "binary": "bytes",
    "datetime": "datetime64[ns]",
}
_TENSORS = re.compile("bool|u?int(8|16|32|64)|float(16|32|64)|str")
_MAY_LACK = frozenset({"float32", "float64", "str", "datetime64[ns]"})


def signature(data: object, *, batchable: bool) -> Signature | None:
    """The `signature` of an MLmodel, or None where it has none that says what goes in.

    `batchable` is asked for only where every input's first dimension may vary.
    """
    if not isinstance(data, Mapping):
        return None
    inputs = _side(data.get("inputs"), "input")
    if inputs is None:
        return None
    free = all(field.shape[:1] == (None,) for field in inputs.fields)
    outputs = _side(data.get("outputs"), "output") or OBJECTS
    return Signature(inputs, outputs, batchable=batchable and free and inputs is not OBJECTS)


def _side(text: object, prefix: str) -> Side | None:
    try:
        columns = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return None
    if not isinstance(columns, list) or not columns or not _are_mappings(columns):
        return None
    if any(column.get("type") == "tensor" for column in columns):
        return _tensors(columns, prefix)
    return _columns([_column(column) for column in columns], prefix)


def _are_mappings(values: list[Any]) -> bool:
    return all(isinstance(value, Mapping) for value in values)


def _columns(fields: list[Field | None], prefix: str) -> Side:
    known = [field for field in fields if field is not None]
    if len(known) < len(fields):
        return OBJECTS  # objects, maps and arrays in a column
    if len(known) == 1 and not known[0].name:
        return Side("array", (replace(known[0], name=f"{prefix}-0"),))
    names = {field.name for field in known}
    is_named = len(names) == len(known) and "" not in names
    return Side("columns", tuple(known)) if is_named else OBJECTS


def _column(column: Mapping[str, Any]) -> Field | None:
    dtype = _DTYPES.get(str(column.get("type")))
    name = column.get("name", "")
    if dtype is None or not isinstance(name, str) or not name.isprintable():
        return None
    is_optional = column.get("required") is False and dtype in _MAY_LACK
    return Field(name, dtype, (None,), is_nullable=is_optional)


def _tensors(columns: list[Mapping[str, Any]], prefix: str) -> Side | None:
    fields = [_tensor(column, f"{prefix}-{position}") for position, column in enumerate(columns)]
    known = tuple(field for field in fields if field is not None)
    if len(known) < len(fields) or len({field.name for field in known}) < len(known):
        return OBJECTS
    return Side("array" if len(known) == 1 and "name" not in columns[0] else "tensors", known)


def _tensor(column: Mapping[str, Any], name: str) -> Field | None:
    spec = column.get("tensor-spec")
    if not isinstance(spec, Mapping):
        return None
    dtype, shape = str(spec.get("dtype")), spec.get("shape")
    dtype = "str" if dtype == "object" else dtype
    if not _TENSORS.fullmatch(dtype) or not isinstance(shape, list) or not shape:
        return None
    if not all(type(size) is int and -1 <= size < 1 << 31 for size in shape):
        return None
    named = column.get("name", name)
    sizes = tuple(None if size == -1 else size for size in shape)
    is_named = isinstance(named, str) and named and named.isprintable()
    return Field(named, dtype, sizes) if is_named else None


def example(data: bytes) -> Any:
    """The rows of an `input_example.json`: a list of records or of lists, or tensors by name.

    None where it is something else: an example is a help, and no reason to refuse a model.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, dict) and set(found) >= {"columns", "data"}:
        return _records(found["columns"], found["data"])
    if isinstance(found, dict) and set(found) == {"inputs"}:
        found = found["inputs"]
    return found if isinstance(found, list) and found else None


def _records(columns: object, rows: object) -> list[Any] | None:
    if not isinstance(columns, list) or not isinstance(rows, list) or not rows:
        return None
    if not all(isinstance(row, list) and len(row) == len(columns) for row in rows):
        return None
    if not all(isinstance(name, str) for name in columns):
        return rows  # a table without names is a matrix
    return [dict(zip(columns, row, strict=True)) for row in rows]
