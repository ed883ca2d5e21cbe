"""JSON Schema of the bundlefile, for editors: `python -m modelbundle.bundler.project.schema`."""

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from .bundlefile import Bundlefile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ADDRESS = "https://raw.githubusercontent.com/modelbundle/modelbundle/main/bundlefile.schema.json"
PATH = Path(__file__).parents[2] / "bundlefile.schema.json"
_NULL = {"type": "null"}
_PLAIN = frozenset({"default", "examples", "enum", "const", "required"})


class _Generator(GenerateJsonSchema):
    """Pydantic's schema with defaults as a person writes them: `30s`, not 30.0."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        inner: dict[str, Any] = schema["schema"]  # type: ignore[assignment]
        write = inner.get("serialization", {}).get("function")
        if write and "default" in made:
            made["default"] = write(made["default"])
        return made


def schema() -> dict[str, Any]:
    """The schema, made from the models that read the file."""
    made = Bundlefile.model_json_schema(schema_generator=_Generator)
    head = {
        "$schema": DIALECT,
        "$id": ADDRESS,
        "title": "bundlefile.yaml",
        "description": "What goes into a bundle, and how it is served.",
    }
    some = {"anyOf": [{"required": ["models"]}, {"required": ["service"]}]}
    body: dict[str, Any] = _tidy(made)
    return head | {key: value for key, value in body.items() if key not in head} | some


def _tidy(value: Any) -> Any:
    """A schema without what pydantic makes up: titles from names, nulls from defaults."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    value = _without_null(value)
    tidy = {key: _part(key, item) for key, item in value.items() if key != "title"}
    if "patternProperties" in tidy:
        tidy["additionalProperties"] = False
    return tidy


def _part(key: str, item: Any) -> Any:
    if key in _PLAIN:
        return item
    if key == "description":
        return " ".join(item.split())
    if key in {"properties", "$defs", "patternProperties"}:  # whose keys are names, not words
        return {name: _tidy(part) for name, part in item.items()}
    return _tidy(item)


def _without_null(value: dict[str, Any]) -> dict[str, Any]:
    """An optional key is left out, never written as null."""
    if value.get("default", ...) is not None:
        return value
    kinds = [kind for kind in value.get("anyOf", []) if kind != _NULL]
    rest = {key: item for key, item in value.items() if key not in {"anyOf", "default"}}
    return rest | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {})


def render() -> str:
    """The text of `bundlefile.schema.json`."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write `bundlefile.schema.json` at the root."""
    PATH.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
