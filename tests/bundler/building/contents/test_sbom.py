"""Bills of materials: valid by the official schema, true, and the same every time."""

import json
from dataclasses import replace

import pytest

from modelbundle.bundler.building.contents import sbom
from modelbundle.bundler.errors import Damaged
from modelbundle.bundler.requirements.lock.lock import BaseImage, Lock
from modelbundle.bundler.requirements.lock.package import Package
from modelbundle.runtime.errors import InvalidBundle
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest
from modelbundle.runtime.manifests.model_manifest import ModelManifest
from modelbundle.runtime.manifests.settings import ServeSettings

PACKAGES = (
    Package("numpy", "2.4.6", {"a.whl": "aa" * 32, "b.whl": "bb" * 32}, ("model `iris`",)),
    Package("starlette", "1.10.0", {"s.whl": "cc" * 32}, ("the server",)),
    Package("anyio", "4.16.0", {"n.whl": "dd" * 32}, ("starlette",)),
    Package(
        "torch", "2.13.0+cpu", {"t.whl": "ee" * 32}, ("numpy", "you"),
        index="https://download.pytorch.org/whl/cpu", platforms=("linux/amd64",),
    ),
    Package("torch", "2.13.0", {"u.whl": "ff" * 32}, ("numpy",), platforms=("linux/arm64",)),
)  # fmt: skip


@pytest.fixture
def valid():
    """Hold a document to the official schema of CycloneDX 1.6."""
    import cyclonedx.validation.json as json_validation
    from cyclonedx.schema import SchemaVersion

    validator = json_validation.JsonStrictValidator(SchemaVersion.V1_6)

    def check(data):
        assert validator.validate_str(data.decode()) is None
        return json.loads(data)

    return check


@pytest.fixture
def model(own_store, add_model):
    item = add_model("iris", packages={"numpy": "2.4.6", "scikit-learn": "1.9.1"})
    manifest = ModelManifest.from_json(json.loads(own_store.config(item)))
    told = {
        "description": "Tells irises apart.",
        "task": "classification",
        "license": "Apache-2.0",
        "datasets": [
            "https://example.com/iris.csv",
            "ours",
            {"name": "more", "url": "s3://b/k"},
            3,
        ],
        "metrics": {"accuracy": 0.97, "odd": [1]},
        "seed": 7,
    }
    return item, replace(manifest, metadata=told, labels={"team": "flowers"})


@pytest.fixture
def bundle(model):
    item, manifest = model
    entry = {"alias": "iris", "name": "iris", "version": item.version, "digest": item.digest}
    from modelbundle.runtime.manifests.model_entry import ModelEntry

    made = BundleManifest(
        name="garden", version="1.0", description="Flowers.", labels={"stage": "test"},
        models=(ModelEntry(**entry, framework="sklearn", executes_code=False),), service=None,
        routes=(), files=(), python="3.11", lock=None, hermetic=True, accelerator={},
        serve=ServeSettings().to_json(), security={},
        image={"system": {"packages": ["libgomp1", "curl=8.1"]}}, packer="modelbundle",
    )  # fmt: skip
    base = BaseImage("python:3.11-slim", "sha256:" + "12" * 32)
    platforms = ("linux/amd64", "linux/arm64")
    lock = Lock(
        input="", python="3.11", platforms=platforms, accelerator="cpu", exclude_newer=None,
        indexes=(), models={}, packages=PACKAGES, base=base,
    )  # fmt: skip
    return made, {"iris": manifest}, lock


def test_a_bundle_s(bundle, valid):
    document = valid(sbom.render(*bundle))
    found = {one["bom-ref"]: one for one in document["components"]}
    assert len(found) == len(document["components"])
    assert {one["name"] for one in found.values() if one.get("purl")} == {
        "numpy", "starlette", "anyio", "torch",
    }  # fmt: skip
    torch = (
        "pkg:pypi/torch@2.13.0%2Bcpu?repository_url=https%3A%2F%2Fdownload.pytorch.org%2Fwhl%2Fcpu"
    )
    assert found[torch]["properties"] == [{"name": "modelbundle:platforms", "value": "linux/amd64"}]
    numpy = found["pkg:pypi/numpy@2.4.6"]
    assert [one["content"] for one in numpy["hashes"]] == ["aa" * 32, "bb" * 32]
    assert [one["url"] for one in numpy["externalReferences"]] == ["a.whl", "b.whl"]
    assert found["base"]["version"] == "3.11-slim"
    assert found["base"]["hashes"][0]["content"] == "12" * 32
    assert found["system:curl=8.1"]["version"] == "8.1"


def test_the_graph_is_that_of_the_lock(bundle, valid):
    document = valid(sbom.render(*bundle))
    graph = {one["ref"]: one["dependsOn"] for one in document["dependencies"]}
    assert "pkg:pypi/anyio@4.16.0" not in graph["bundle"]  # only starlette asked for it
    assert graph["pkg:pypi/starlette@1.10.0"] == ["pkg:pypi/anyio@4.16.0"]
    assert "pkg:pypi/torch@2.13.0" not in graph["bundle"]
    assert any("2Bcpu" in ref for ref in graph["bundle"])  # the author asked for that one, too
    assert len(graph["pkg:pypi/numpy@2.4.6"]) == 2
    reached, front = set(), ["bundle"]
    while front:
        reached.add(one := front.pop())
        front += [ref for ref in graph[one] if ref not in reached]
    assert reached == graph.keys() == {"bundle", *(c["bom-ref"] for c in document["components"])}


def test_the_model_has_a_card(bundle, valid):
    document = valid(sbom.render(*bundle))
    (model,) = [one for one in document["components"] if one["type"] == "machine-learning-model"]
    assert model["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    assert model["description"] == "Tells irises apart."
    card = model["modelCard"]
    assert card["modelParameters"]["task"] == "classification"
    assert card["modelParameters"]["inputs"] == [{"format": "predict: array(input-0 float64[n,4])"}]
    assert [one["name"] for one in card["modelParameters"]["datasets"]] == [
        "https://example.com/iris.csv", "ours", "more",
    ]  # fmt: skip
    assert card["quantitativeAnalysis"]["performanceMetrics"] == [
        {"type": "accuracy", "value": "0.97"}
    ]
    facts = {one["name"]: one["value"] for one in model["properties"]}
    assert facts["modelbundle:metadata:seed"] == "7"
    assert facts["modelbundle:label:team"] == "flowers"
    assert facts["modelbundle:alias"] == "iris"
    assert [one["name"] for one in model["components"]] == [
        "models/iris/model.bin", "models/iris/samples/predict.json",
    ]  # fmt: skip


def test_a_model_s_own(model, valid):
    item, manifest = model
    document = valid(sbom.render_model(item, manifest))
    root = document["metadata"]["component"]
    assert root["type"] == "machine-learning-model"
    assert root["hashes"][0]["content"] == item.digest.removeprefix("sha256:")
    assert [one["purl"] for one in document["components"]] == [
        "pkg:pypi/numpy@2.4.6", "pkg:pypi/scikit-learn@1.9.1",
    ]  # fmt: skip
    assert document["dependencies"][0]["dependsOn"] == [
        one["bom-ref"] for one in document["components"]
    ]


@pytest.mark.parametrize(
    "told",
    [
        {"license": "our own terms", "datasets": "one"},
        {"licenses": ["MIT", "our own terms"], "datasets": {"name": "x"}, "metrics": {"a": "b"}},
        {"license": 3, "datasets": [], "metrics": [1], "description": {}, "task": None},
        {"datasets": [None, {"url": "x"}, ""], "licenses": [None], "metrics": {}},
        {"datasets": ["not a url at all: really", "http://a b"], "odd\x00key": "odd\x07"},
    ],
)
def test_whatever_the_metadata_says_the_document_is_valid(model, valid, told):
    item, manifest = model
    valid(sbom.render_model(item, replace(manifest, metadata=told)))


def test_a_base_image_with_a_port_and_no_tag(bundle, valid):
    manifest, models, lock = bundle
    document = valid(sbom.render(manifest, models, replace(lock, base=BaseImage("host:5000/py"))))
    (base,) = [one for one in document["components"] if one["bom-ref"] == "base"]
    assert base == {"type": "container", "bom-ref": "base", "name": "host:5000/py"}


def test_the_same_every_time(bundle, model):
    assert sbom.render(*bundle) == sbom.render(*bundle)
    manifest, models, lock = bundle
    turned = replace(models["iris"], metadata=dict(reversed(models["iris"].metadata.items())))
    assert sbom.render(manifest, {"iris": turned}, lock) == sbom.render(*bundle)


def test_a_changed_one_is_not_shown(own_store, model):
    from modelbundle.runtime.manifests.file_entry import FileEntry

    blob = own_store.ingest_bytes(b"{}")
    files = [FileEntry(sbom.PATH, blob.digest, blob.size)]
    item = own_store.commit("bundle", "garden", b'{"a":1}\n', files)
    assert sbom.of_item(item, own_store) == b"{}"
    path = own_store.blob(blob.digest)
    path.chmod(0o600)
    path.write_bytes(b"[]")
    with pytest.raises(Damaged, match="has changed"):
        sbom.of_item(item, own_store)


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"a":1,"a":2}', None])
def test_a_stranger_s_that_is_none_is_said_to_be_none(own_store, data):
    from modelbundle.runtime.manifests.file_entry import FileEntry

    blob = own_store.ingest_bytes(data or b"")
    path = "other.json" if data is None else sbom.PATH
    files = [FileEntry(path, blob.digest, blob.size)]
    item = own_store.commit("bundle", "garden", b'{"a":1}\n', files)
    with pytest.raises(
        InvalidBundle, match="without" if data is None else "not a bill of materials"
    ):
        sbom.of_item(item, own_store)
