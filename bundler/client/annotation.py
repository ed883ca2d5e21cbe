"""Annotation: signatures and JSON Schemas as the types of generated Python."""

import keyword
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...runtime.manifests.signature import Field, Side

_SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_NUMERIC = frozenset(
    {"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
) | {"float16", "float32", "float64"}
_MOST_DEPTH = 8
_MOST_CLASSES = 100
ANY = "Any"


def literal(value: Any) -> str:
    """A string, number, None or tuple of these as Python, in ASCII: nothing in it becomes code.

    Raises:
        TypeError: for anything else.
    """
    if isinstance(value, tuple):
        inner = ", ".join(map(literal, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if value is not None and type(value) not in {str, int, bool}:
        raise TypeError(type(value).__name__)
    text = ascii(value)
    if isinstance(value, str) and '"' not in text and text.startswith("'"):
        return f'"{text[1:-1]}"'
    return text


def identifier(text: str, taken: set[str]) -> str:
    """`text` as a valid and unused Python name; it is added to `taken`."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_") or "call"
    if plain[0].isdigit() or keyword.iskeyword(plain) or keyword.issoftkeyword(plain):
        plain = f"call_{plain}" if plain[0].isdigit() else f"{plain}_"
    name, number = plain, 2
    while name in taken:
        name, number = f"{plain}_{number}", number + 1
    taken.add(name)
    return name


def of_schema(schema: Any, depth: int = 0) -> str:
    """The type of a JSON value; what is not understood is `Any`."""
    if not isinstance(schema, Mapping) or depth > _MOST_DEPTH:
        return ANY
    if _is_binary(schema):
        return "bytes"
    if "enum" in schema:
        return _choice(schema["enum"])
    kind = schema.get("anyOf", schema.get("type"))
    if isinstance(kind, list):
        return _union(kind, depth)
    inner = {"array": "items", "object": "additionalProperties"}.get(str(kind))
    if inner is None:
        return _SCALARS.get(str(kind), ANY)
    item = of_schema(schema.get(inner), depth + 1)
    return f"list[{item}]" if kind == "array" else f"dict[str, {item}]"


def _union(members: list[Any], depth: int) -> str:
    schemas = [each if isinstance(each, Mapping) else {"type": each} for each in members]
    kinds = list(dict.fromkeys(of_schema(each, depth + 1) for each in schemas))
    return ANY if ANY in kinds or not kinds else " | ".join(kinds)


def of_rows(side: Side) -> str:
    """What a caller gives for the rows of a side without a record type."""
    if side.layout == "array" and is_dense(side.fields[0]):
        return "npt.ArrayLike"
    return "Sequence[Any]"


def of_predictions(side: Side) -> str:
    """What a caller gets for the rows of a side without a record type."""
    if side.layout == "array" and is_dense(side.fields[0]):
        return f"npt.NDArray[{scalar(side.fields[0])}]"
    return "list[Any]"


def is_dense(field: Field) -> bool:
    """Whether its values travel as npy."""
    return field.dtype == "str" or bool(_numeric(field.dtype))


def scalar(field: Field) -> str:
    """NumPy's type of the values of a field."""
    return "np.str_" if field.dtype == "str" else f"np.{np.dtype(field.dtype).type.__name__}"


def classes(side: Side) -> tuple[str, ...]:
    """The classes in an answer of one array, each as Python; none where they are too many."""
    found = side.fields[0].classes if side.layout == "array" and side.fields else ()
    if len(found) > _MOST_CLASSES:
        return ()
    return tuple(repr(each) if isinstance(each, float) else literal(each) for each in found)


def cell(field: Field) -> str:
    """One value of a column, as JSON has it."""
    choice = _choice(field.choices) if 0 < len(field.choices) <= _MOST_CLASSES else ANY
    if choice != ANY:
        return f"{choice} | None" if field.is_nullable else choice
    numeric = _numeric(field.dtype)
    plain = {"f": "float", "i": "int", "u": "int", "b": "bool"}.get(numeric or "", ANY)
    if field.dtype == "bytes":
        plain = "bytes"
    elif field.dtype == "str" or field.dtype.startswith("datetime"):
        plain = "str"
    for _ in field.shape[1:]:
        plain = f"list[{plain}]"
    return f"{plain} | None" if field.is_nullable and plain != ANY else plain


def _numeric(dtype: str) -> str | None:
    """The kind of a numeric dtype that npy and every client have; None for another."""
    return np.dtype(dtype).kind if dtype in _NUMERIC else None


def _is_binary(schema: Mapping[str, Any]) -> bool:
    members = schema.get("anyOf")
    first = members[0] if isinstance(members, list) and members else schema
    return isinstance(first, Mapping) and first.get("contentEncoding") == "base64"


def _choice(values: Any) -> str:
    try:
        listed = ", ".join(literal(value) for value in values)
    except TypeError:
        return ANY
    return f"Literal[{listed}]" if listed else ANY
