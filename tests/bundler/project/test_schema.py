"""The JSON Schema is up to date, valid, and agrees with the reader."""

import json
from datetime import date
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelbundle.bundler.errors import BundlefileError
from modelbundle.bundler.project import schema
from modelbundle.bundler.project.bundlefile import Bundlefile
from modelbundle.bundler.project.yaml_source import read

SCHEMA = schema.schema()


@cache
def validator():
    """Of the whole; its package takes a second to import, of everybody who collects tests."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator(SCHEMA)


@pytest.fixture(scope="module")
def accepted(tmp_path_factory):
    path = tmp_path_factory.mktemp("schema") / "bundlefile.yaml"

    def accepted(data):
        path.write_text(json.dumps(data))
        try:
            Bundlefile.read(path)
        except BundlefileError:
            return False
        return True

    return accepted


def test_the_file_at_the_root_is_up_to_date():
    assert schema.PATH.read_text(encoding="utf-8") == schema.render(), (
        "run `python -m modelbundle.bundler.project.schema`"
    )


def test_it_is_a_schema_of_2020_12():
    validator().check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def sections(part, path=""):
    for name, key in part.get("properties", {}).items():
        yield f"{path}.{name}", key


def test_every_key_is_described_and_no_unknown_one_allowed():
    root = SCHEMA
    for name, part in {"": root, **root["$defs"]}.items():
        full = next((s for s in part.get("anyOf", ()) if "properties" in s), part)
        assert full["additionalProperties"] is False, name
        for path, key in sections(full, name):
            described = key.get("description") or root["$defs"][key["$ref"][8:]]["description"]
            assert described.endswith("."), path


def test_defaults_and_examples_are_valid_themselves():
    root = SCHEMA
    for name, part in {"": root, **root["$defs"]}.items():
        full = next((s for s in part.get("anyOf", ()) if "properties" in s), part)
        for path, key in sections(full, name):
            one = validator().evolve(schema=key | {"$defs": root["$defs"]})
            for value in [
                *key.get("examples", []),
                *([key["default"]] if "default" in key else []),
            ]:
                assert one.is_valid(value), (path, value)


def test_the_written_default_is_the_default(tmp_path):
    """A bundlefile of the defaults means what an empty one means."""
    root = SCHEMA

    def filled(part):
        full = next((s for s in part.get("anyOf", ()) if "properties" in s), part)
        return {
            name: key["default"] if "default" in key else filled(root["$defs"][key["$ref"][8:]])
            for name, key in full["properties"].items()
            if "default" in key or "$ref" in key
        }

    plain = {"name": "a", "models": ["m"]}
    path = tmp_path / "bundlefile.yaml"
    path.write_text(json.dumps(filled(root) | plain))
    assert validator().is_valid(read(path).value)
    # `cuda` says the same whether its defaults are written out or not.
    assert Bundlefile.read(path) == Bundlefile.model_validate(plain)


def test_the_examples_of_the_project_are_valid():
    files = sorted((schema.PATH.parent / "examples").rglob("bundlefile.yaml"))
    for path in files:
        source = read(path)
        source.check()
        assert validator().is_valid(source.value), path
        Bundlefile.read(path)


@pytest.mark.parametrize(
    "data",
    [
        {}, {"name": "a"}, {"name": "A", "models": ["a"]}, {"name": "a", "models": "a"},
        {"name": "a", "models": ["a"], "versoin": "1"}, {"name": "a", "models": ["a"], "version": 1.0},
        {"name": "a", "models": [{"as": "b"}]}, {"name": "a", "models": ["a"], "serve": {"timeout": 30}},
        {"name": "a", "models": ["a"], "serve": {"log": "inf"}}, {"name": "a", "models": ["a"], "platforms": []},
        {"name": "a", "models": ["a"], "image": {"env": {"A B": "c"}}},
        {"name": "a", "models": ["a"], "system": {"packages": ["a b"]}},
        {"name": "a", "models": ["a"], "weights": "artifact"},
        {"name": "a", "models": ["a"], "serve": {"shared_memory": 0}},
    ],
)  # fmt: skip
def test_an_editor_marks_what_the_reader_refuses(accepted, data):
    assert not validator().is_valid(data)
    assert not accepted(data)


words = st.sampled_from(["a", "b", "net", "A", "a b", "1", "", "../a", "a:1", "x@y", "3.12", "auto", "off", "25ms",
                         "0s", "1MiB", "cuda", "/a", "a.b", "error", "*.py", "a>=1", "x.txt", "80", "linux/amd64",
                         "https://a/b", "2026-08-01", "8.0", "580", "s:S", "allow", "debug", "\n"])  # fmt: skip
leaves = st.one_of(
    words,
    st.integers(-1, 70000),
    st.booleans(),
    st.none(),
    st.floats(0, 2),
    st.dates().map(date.isoformat),
)


def mapping(part):
    """Values for a section of the schema: mostly of the right shape, often of the wrong one."""
    root = SCHEMA
    if "$ref" in part:
        return mapping(root["$defs"][part["$ref"][8:]])
    for many in ("anyOf", "oneOf"):
        if many in part and "properties" not in part:
            return st.one_of([mapping(option) for option in part[many]])
    if "properties" in part:
        return st.fixed_dictionaries(
            {}, optional={k: mapping(v) for k, v in part["properties"].items()}
        )
    if "patternProperties" in part:
        return st.dictionaries(
            words, mapping(next(iter(part["patternProperties"].values()))), max_size=2
        )
    if part.get("type") == "array":
        return st.lists(mapping(part["items"]), max_size=2)
    good = part.get("enum") or [part[k] for k in ("const", "default") if k in part] + part.get(
        "examples", []
    )
    return st.one_of(st.sampled_from(good), leaves) if good else leaves


documents = mapping(SCHEMA).map(lambda data: {"name": "a", "models": ["m"]} | data)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_the_reader_accepts_the_schema_accepts(accepted, data):
    """Section by section, so that one bad value does not hide the others."""
    document = data.draw(documents)
    for key, value in document.items():
        single = {"name": "a", "models": ["m"], key: value}
        if accepted(single):
            assert validator().is_valid(single), single
        if isinstance(value, dict):
            for inner, part in value.items():
                smaller = {"name": "a", "models": ["m"], key: {inner: part}}
                if accepted(smaller):
                    assert validator().is_valid(smaller), smaller
