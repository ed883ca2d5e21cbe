"""Constraint: limits of a value in an annotation, beyond its type.

`Annotated[int, Gt(0)]` and `Annotated[str, Field(max_length=8)]` say it with the packages
annotated-types and pydantic, neither of which is imported here.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from .decoder import ValueDecoder, refused
from .spec import Spec, is_scalar

Bounds = Mapping[str, Any]
"""Limits by the names that both packages have for them."""

_KEYWORDS: Mapping[str, str] = {
    "gt": "exclusiveMinimum",
    "ge": "minimum",
    "lt": "exclusiveMaximum",
    "le": "maximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
}
_LENGTHS: Mapping[str, str] = {"min_length": "min", "max_length": "max"}
_COUNTED: Mapping[Any, tuple[str, ...]] = {
    "string": ("Length",),
    "array": ("Items",),
    "object": ("Properties",),
}
_PACKAGES = frozenset({"annotated_types", "pydantic"})
_NO_JSON = frozenset({"array", "dataframe", "bytes", "image", "object"})  # lists, or base64


def _is_multiple(value: Any, of: Any) -> bool:
    return Decimal(str(value)) % Decimal(str(of)) == 0


_HOLDS: Mapping[str, tuple[Callable[[Any, Any], Any], str]] = {
    "gt": (lambda value, limit: value > limit, "more than {}"),
    "ge": (lambda value, limit: value >= limit, "at least {}"),
    "lt": (lambda value, limit: value < limit, "less than {}"),
    "le": (lambda value, limit: value <= limit, "at most {}"),
    "multiple_of": (_is_multiple, "a multiple of {}"),
    "min_length": (lambda value, limit: len(value) >= limit, "a length of at least {}"),
    "max_length": (lambda value, limit: len(value) <= limit, "a length of at most {}"),
    "pattern": (lambda value, limit: re.search(limit, value), "text that matches {!r}"),
}
NAMES = frozenset(_HOLDS)


def bounds(notes: Iterable[Any]) -> Bounds:
    """The limits in these annotations; later ones come first."""
    found: dict[str, Any] = {}
    for note in notes:
        if type(note).__module__.partition(".")[0] not in _PACKAGES:
            continue
        if isinstance(inner := getattr(note, "metadata", None), list):  # of a pydantic `Field`
            found |= bounds(inner)
        for name in NAMES:
            if (limit := getattr(note, name, None)) is not None:
                found[name] = limit
    return supported(found)


def supported(limits: Mapping[str, Any]) -> Bounds:
    """The limits that restrict anything, and are supported."""
    return {
        name: getattr(limit, "pattern", limit)  # a compiled one
        for name, limit in limits.items()
        if name in NAMES and limit is not None and (name, limit) != ("min_length", 0)
    }


def limited(spec: Spec, limits: Bounds) -> Spec:
    """`spec` with the limits that JSON Schema can express."""
    if spec.kind in _NO_JSON:
        return spec
    schema = dict(spec.schema)
    for name, limit in limits.items():
        if not is_scalar(limit):
            continue
        if name in _KEYWORDS:
            schema[_KEYWORDS[name]] = limit
        else:
            every = ("Length", "Items", "Properties")  # limits of one type each
            for kind in _COUNTED.get(schema.get("type"), every):
                schema[_LENGTHS[name] + kind] = limit
    return replace(spec, schema=schema)


def constrained(inner: ValueDecoder, limits: Bounds) -> ValueDecoder:
    """`inner`, which also checks these limits."""

    def read(value: Any, where: str) -> Any:
        made = inner.read(value, where)
        for name, limit in limits.items():
            holds, words = _HOLDS[name]
            try:
                is_within = holds(made, limit)
            except (TypeError, ArithmeticError):  # null has no length
                continue
            if not is_within:
                raise refused(where, words.format(limit), value)
        return made

    return replace(inner, spec=limited(inner.spec, limits), read=read)
