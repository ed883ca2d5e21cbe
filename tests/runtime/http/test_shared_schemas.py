"""What an OpenAPI document would repeat: the wider the table, the more."""

import importlib
import json

from modelbundle.runtime.http.shared_schemas import PLACE, share
from modelbundle.runtime.manifests.signature import Field, Side

from ..conftest import VECTOR, write_bundle, write_model

ROW = {
    "type": "object",
    "properties": {f"column {n}": {"type": "number", "description": "x" * 60} for n in range(900)},
    "required": [f"column {n}" for n in range(900)],
}


def body(schema):
    return {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}


def asked(path):
    return path["post"]["requestBody"]["content"]["application/json"]["schema"]


def resolved(value, schemas):
    """The same without references."""
    if isinstance(value, dict):
        if set(value) == {"$ref"}:
            return resolved(schemas[value["$ref"].removeprefix(PLACE)], schemas)
        return {key: resolved(part, schemas) for key, part in value.items()}
    return [resolved(part, schemas) for part in value] if isinstance(value, list) else value


def test_a_schema_that_several_paths_ask_for_is_written_once():
    listed = {"anyOf": [{"type": "array", "items": ROW}, ROW, {"not": {}}]}
    paths = {"/a": body(ROW), "/b": body(listed)}

    shorter, schemas = share(paths)

    assert asked(shorter["/a"]) == asked(shorter["/b"])["anyOf"][1] == {"$ref": PLACE + "Shared1"}
    assert resolved(shorter, schemas) == paths
    assert len(json.dumps([shorter, schemas])) < len(json.dumps(ROW)) * 0.6  # its columns, too


def test_short_schemas_stay_where_they_are_read():
    few = {"type": "object", "properties": {"age": {"type": "integer"}}}
    paths = {"/a": body(few), "/b": body(few)}

    assert share(paths) == (paths, {})


def test_columns_and_keys_that_are_called_as_keywords_are_no_schemas():
    named = {
        "type": "object",
        "properties": {"items": ROW, "schema": ROW, "enum": ROW, "$ref": ROW},
    }
    paths = {"/a": body(named | {"default": {"items": ROW}})}
    paths["/a"]["post"]["requestBody"]["content"]["application/json"]["example"] = {"schema": ROW}

    shorter, schemas = share(paths)

    properties = asked(shorter["/a"])["properties"]
    assert [*properties] == ["items", "schema", "enum", "$ref"]
    assert all(part == {"$ref": PLACE + "Shared1"} for part in properties.values())
    assert asked(shorter["/a"])["default"] == {"items": ROW}
    content = shorter["/a"]["post"]["requestBody"]["content"]["application/json"]
    assert content["example"] == {"schema": ROW}
    assert len(schemas) > 1


class Sums:
    def predict(self, rows):
        return rows.sum(axis=1)


def test_a_table_of_thousands_of_columns_has_a_document_that_still_holds(tmp_path, servers):
    names = [f"column {n}" for n in range(1500)]
    side = Side("columns", tuple(Field(name, "float64", (None,)) for name in names))
    row = dict.fromkeys(names, 0.5)
    write_model(tmp_path / "models" / "sums", Sums(), inputs=side, outputs=VECTOR)
    running = servers.start(write_bundle(tmp_path, serve={"dialects": ["native", "v1", "v2"]}))

    answer = running.get("/openapi.json")

    document = answer.json()
    assert len(answer.content) < 20 * len(json.dumps(row))  # twice as long without references
    native = asked(document["paths"]["/predict"])
    schema = native | {"components": document["components"]}
    valid = importlib.import_module("jsonschema").Draft202012Validator(schema).is_valid
    assert valid({"instances": [row, [0.5] * 1500]})
    assert not valid({"instances": [row | {"column 7": "x"}]})
    assert not valid({"instances": [[0.5] * 1499]})
