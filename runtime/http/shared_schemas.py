"""Shared schemas: those that an OpenAPI document would repeat are written once, and referred to.

A table of thousands of columns is in the document of each dialect, in several forms.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

Json = dict[str, Any]

PLACE = "#/components/schemas/"
_WORTH = 16 << 10  # bytes of JSON: a document that is short enough to read stays as it is
_REFERENCE = 45  # bytes
_NAMED = frozenset({"properties", "patternProperties", "$defs"})
_ONE = frozenset({"items", "additionalProperties", "propertyNames", "not", "contains"})
_SEVERAL = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})


def share(paths: Json) -> tuple[Json, Json]:
    """The `paths`, and the schemas by name that they refer to now."""
    seen = _Seen()
    for schema in _schemas(paths):
        seen.add(schema)
    shared = _Shared(seen)
    return shared.rewritten(paths), shared.schemas


def _schemas(value: Any) -> Iterator[Json]:
    """The schemas of all bodies and parameters below a path."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key == "schema" and isinstance(part, dict):
                yield part
            elif key != "example":
                yield from _schemas(part)
    elif isinstance(value, list):
        for part in value:
            yield from _schemas(part)


@dataclass
class _Seen:
    """How often each schema occurs, by its JSON.

    What is within one is counted where that is met first: it is written no second time.
    """

    counts: Counter[bytes] = field(default_factory=Counter)

    def add(self, schema: Json) -> None:
        content = _content(schema)
        self.counts[content] += 1
        if self.counts[content] == 1 and len(content) > _REFERENCE:
            for part in _parts(schema):
                self.add(part)

    def is_worth(self, content: bytes) -> bool:
        """Whether a reference in its place makes the document much shorter."""
        return (self.counts[content] - 1) * (len(content) - _REFERENCE) > _WORTH


@dataclass
class _Shared:
    """The schemas that are referred to, by name."""

    seen: _Seen
    schemas: Json = field(default_factory=dict)
    _names: dict[bytes, str] = field(default_factory=dict)

    def rewritten(self, value: Any) -> Any:
        """A part of the document, its schemas as references."""
        if isinstance(value, dict):
            return {
                key: self._schema(part)
                if key == "schema" and isinstance(part, dict)
                else part
                if key == "example"
                else self.rewritten(part)
                for key, part in value.items()
            }
        return [self.rewritten(part) for part in value] if isinstance(value, list) else value

    def _schema(self, schema: Any) -> Any:
        if not isinstance(schema, dict):
            return schema
        content = _content(schema)
        if len(content) <= _REFERENCE:
            return schema
        if not self.seen.is_worth(content):
            return self._inside(schema)
        if content not in self._names:
            name = self._names[content] = f"Shared{len(self._names) + 1}"
            self.schemas[name] = self._inside(schema)
        return {"$ref": PLACE + self._names[content]}

    def _inside(self, schema: Json) -> Json:
        return {key: self._keyword(key, value) for key, value in schema.items()}

    def _keyword(self, key: str, value: Any) -> Any:
        if key in _NAMED and isinstance(value, dict):
            return {name: self._schema(part) for name, part in value.items()}
        if key in _SEVERAL and isinstance(value, list):
            return [self._schema(part) for part in value]
        return self._schema(value) if key in _ONE else value


def _parts(schema: Json) -> Iterator[Json]:
    """The schemas directly within one."""
    for key, value in schema.items():
        if key in _NAMED and isinstance(value, dict):
            yield from (part for part in value.values() if isinstance(part, dict))
        elif key in _SEVERAL and isinstance(value, list):
            yield from (part for part in value if isinstance(part, dict))
        elif key in _ONE and isinstance(value, dict):
            yield value


def _content(schema: Json) -> bytes:
    """Its JSON; slowly where an author's type has numbers of more than 64 bits."""
    try:
        return orjson.dumps(schema)
    except TypeError:
        return json.dumps(schema).encode()
