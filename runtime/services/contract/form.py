"""Form: decodes a multipart body to the arguments of a method."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...data import media
from ...data.codecs import instances, multipart, npy
from ...data.codecs.multipart import Part
from ...errors import BadPayload
from .types.spec import NAMED, Kind, Spec

_BINARY = frozenset({"bytes", "image"})
_NO_SCALARS = frozenset({"array", "object", "null"})
_BASE64 = NAMED["builtins.bytes"].schema["anyOf"]


def values(parts: Sequence[Part], specs: Mapping[str, Spec]) -> dict[str, Any]:
    """The values of a form as in JSON; files as bytes, arrays as arrays.

    Repeated names, and names of list parameters, have lists.

    Raises:
        BadPayload: when a part cannot be decoded.
    """
    found: dict[str, list[Any]] = {}
    for part in parts:
        found.setdefault(part.name, []).append(_value(part, specs.get(part.name)))
    return {
        name: items[0] if len(items) == 1 and not _wants_list(specs.get(name), items[0]) else items
        for name, items in found.items()
    }


def of_record(schema: Mapping[str, Any]) -> dict[str, Spec]:
    """The field types of a record, from its schema."""
    fields: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    return {
        name: Spec("bytes" if each.get("anyOf") == _BASE64 else "json", each)
        for name, each in fields.items()
    }


def rows(parts: Sequence[Part], kind: Kind) -> list[Any]:
    """One row per part: a text if rows are texts, else bytes."""
    return [part.text() if kind == "str" else part.body for part in parts]


def loads(body: bytes, content_type: str) -> list[Part]:
    """The parts of a body, none of which is multipart itself.

    Raises:
        BadPayload: see `multipart.loads`.
    """
    parts = multipart.loads(body, content_type)
    if any(media.essence(part.content_type) == media.MULTIPART for part in parts):
        raise BadPayload("Parts of a multipart body are not multipart themselves.")
    return parts


def _value(part: Part, spec: Spec | None) -> Any:
    kind = media.essence(part.content_type)
    if kind == media.NPY:
        return npy.loads(part.body)
    item = spec.item.kind if spec is not None and spec.item is not None else None
    if spec is not None and (spec.kind in _BINARY or item in _BINARY):
        return part.body
    if spec is not None and (spec.kind == "str" or item == "str" or _is_text(spec.schema)):
        return part.text()
    if kind == media.JSON:
        return instances.parse(part.body)
    return _guessed(part)


def _is_text(schema: Mapping[str, Any]) -> bool:
    """Whether JSON has it in a string: a UUID may look like a number, and be none."""
    values = schema.get("enum", ())
    is_enum = bool(values) and all(type(each) is str for each in values)
    return is_enum or schema.get("type") == "string"


def _guessed(part: Part) -> Any:
    """The value of a form field: parsed if it is JSON, else the text itself."""
    text = part.text()
    try:
        return instances.parse(part.body)
    except BadPayload:
        return text


def _wants_list(spec: Spec | None, value: Any) -> bool:
    if spec is None or spec.kind != "json" or isinstance(value, list):
        return False
    if spec.schema.get("type") == "array":
        return True
    kinds = {each.get("type") for each in spec.schema.get("anyOf", ())}
    return "array" in kinds <= _NO_SCALARS and not isinstance(value, dict | None)
