"""The contract of a bundle's server."""

import importlib
import json

import pytest

from modelbundle.bundler.building.service.service_source import read_service
from modelbundle.runtime.data.rows.schema import envelope
from modelbundle.runtime.http import openapi
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest
from modelbundle.runtime.manifests.route import Route
from modelbundle.runtime.manifests.signature import Field, Side
from modelbundle.runtime.plan import Plan


def schemas(value):
    """Every schema in a document."""
    if isinstance(value, dict):
        if "schema" in value:
            yield value["schema"]
        for child in value.values():
            yield from schemas(child)
    if isinstance(value, list):
        for child in value:
            yield from schemas(child)


@pytest.fixture(scope="module")
def jsonschema():
    """Imported here, as it takes a second of everybody who collects tests."""
    return importlib.import_module("jsonschema")


@pytest.fixture
def document(sums):
    plan = Plan.read(sums())
    return openapi.document(plan.manifest, plan.models, plan.samples())


def test_every_schema_is_one(document, jsonschema):
    found = list(schemas(document))
    assert len(found) > 10
    for schema in found:
        jsonschema.Draft202012Validator.check_schema(schema)


def test_references_lead_somewhere_and_names_are_unique(document):
    text = json.dumps(document)
    assert text.count("#/components/schemas/Error") == 8
    assert "Error" in document["components"]["schemas"]
    names = [op["operationId"] for path in document["paths"].values() for op in path.values()]
    assert len(names) == len(set(names)) == 4
    assert document["openapi"] == "3.1.0"


def test_the_recorded_sample_is_an_example_that_its_own_schema_admits(document, jsonschema):
    operation = document["paths"]["/predict"]["post"]
    request = operation["requestBody"]["content"]["application/json"]
    answer = operation["responses"]["200"]["content"]["application/json"]
    assert request["example"] == {"instances": [[1.0, 2.0], [3.0, 4.0]]}
    jsonschema.validate(request["example"], request["schema"])
    jsonschema.validate(answer["example"], answer["schema"])
    for wrong in ({"instances": [[1]]}, {"instances": [["a", 1]]}, {}, {"instances": 1, "a": 2}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, request["schema"])


def test_columns_are_records_or_lists_in_their_order(jsonschema):
    side = Side("columns", (Field("age", "int64", (None,)), Field("city", "str", (None,))))
    schema = envelope("instances", side)
    jsonschema.validate({"instances": [{"age": 41, "city": "Oslo"}, [41, "Oslo"]]}, schema)
    for wrong in ([41], ["Oslo", 41], {"age": 41}, {"age": 41, "city": "Oslo", "x": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"instances": [wrong]}, schema)


def test_an_authors_api_is_described_by_its_own_types(sums):
    route = Route(
        "/score",
        "score",
        service="score",
        doc="Score one.\n\nMore of it.",
        input={"kind": "json", "schema": {"type": "object"}, "media": ["application/json"]},
        output={"kind": "image", "schema": {}, "media": ["image/png", "application/json"]},
    )
    manifest = BundleManifest.read(sums())
    document = openapi.document(
        BundleManifest.from_json(manifest.to_json() | {"routes": [route.to_json()]}), {}
    )
    operation = document["paths"]["/score"]["post"]
    assert operation["summary"] == "Score one."
    assert list(operation["responses"]["200"]["content"]) == ["image/png", "application/json"]


SOURCE = """
import modelbundle as mb
from collections.abc import Iterator
from typing import Annotated
import numpy as np

@mb.service
class Desk:
    @mb.api
    def size(self, data: bytes, names: list[str] = []) -> int: ...
    @mb.api(batchable=True)
    def sizes(self, rows: list[bytes]) -> list[int]: ...
    @mb.api
    def three(self, rows: Annotated[np.ndarray, mb.Array("int8", (3,))]) -> int: ...
"""


@pytest.fixture
def takes(tmp_path):
    """What the APIs of a class take, by path and content type."""
    (tmp_path / "desk.py").write_text(SOURCE)
    return {
        route.path: {
            kind: each["schema"]
            for kind, each in openapi._service_content(route.input, (), is_answer=False).items()
        }
        for route in read_service(tmp_path, "desk:Desk").routes
    }


def test_bytes_are_base64_in_json_and_as_they_are_in_a_form(takes, jsonschema):
    """A string that is no base64 is refused, and so is an object with more than `b64`."""

    def is_taken(data):
        return jsonschema.Draft202012Validator(takes["/size"]["application/json"]).is_valid(
            {"data": data}
        )

    assert all(map(is_taken, ["", "QQ==", "QUI=", "QUJD", {"b64": "QUJD"}]))
    assert not any(map(is_taken, ["Q", "QQ=", "Q!==", "QUJDQ", {"b64": "", "x": 1}, {"b64": "Q"}]))
    form = takes["/size"]["multipart/form-data"]
    binary = {"type": "string", "format": "binary"}
    assert form["properties"]["data"] == binary
    assert form["required"] == ["data"]
    assert form["properties"]["names"]["minItems"] == 1  # of none there is no part
    rows = {"type": "object", "minProperties": 1, "additionalProperties": binary}
    assert takes["/sizes"]["multipart/form-data"] == rows


def test_rows_of_a_fixed_number_are_no_fewer(takes):
    """It said that one is enough."""
    listed = takes["/three"]["application/json"]["properties"]["instances"]
    assert (listed["minItems"], listed["maxItems"]) == (3, 3)
    assert (listed["items"]["minimum"], listed["items"]["maximum"]) == (-128, 127)
