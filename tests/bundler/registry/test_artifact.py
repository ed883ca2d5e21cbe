"""Artifact: a manifest from elsewhere is one of ours to the byte, or refused."""

import json

import pytest

from modelbundle.bundler.registry.artifact import Artifact
from modelbundle.bundler.registry.http.limits import Limits
from modelbundle.runtime import canonical
from modelbundle.runtime.errors import BundleError, InvalidBundle

LIMITS = Limits()


@pytest.fixture
def manifest(add_model, own_store):
    """The manifest of a stored model, as JSON."""
    return json.loads(own_store.manifest(add_model()))


def read(document):
    data = document if isinstance(document, bytes) else canonical.dumps(document)
    return Artifact.read(data, "h.io/x", LIMITS)


def refused(document, match):
    with pytest.raises(InvalidBundle, match=match) as caught:
        read(document)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 6


def test_our_own_manifest_is_read(manifest, own_store):
    item = own_store.find("iris")
    found = read(own_store.manifest(item))
    assert found.kind == "model"
    assert found.config.digest == item.digest
    assert found.files == own_store.files(item)
    assert {blob.digest for blob in found.blobs} == {entry.digest for entry in found.files}
    assert [blob.size for blob in found.blobs] == sorted(
        (b.size for b in found.blobs), reverse=True
    )
    assert found.manifest(own_store.config(item), "x").framework == "sklearn"


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", b"[]", b"5", b'"x"', b"\xff\xfe", b"[" * 100_000, b"{}", b'{"config":5}'],
)
def test_what_is_no_manifest_is_refused(data):
    refused(data, "cannot be taken|not a model or bundle")


@pytest.mark.parametrize(
    "change",
    [
        {"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []},
        {"manifests": []},
        {"config": {"mediaType": "application/vnd.oci.image.config.v1+json"}},
        {"config": {"mediaType": "application/vnd.docker.container.image.v1+json"}},
    ],
)
def test_a_container_image_is_called_one(manifest, change):
    refused(manifest | change, "is a container image")


@pytest.mark.parametrize(
    "kind", [None, 5, "", ["x"], "application/vnd.cncf.helm.chart.v1", "\x1b["]
)
def test_a_foreign_artifact_is_named(manifest, kind):
    refused(manifest | {"artifactType": kind}, "is not a model or bundle; it is")


@pytest.mark.parametrize(
    "path",
    [
        "../x", "/etc/passwd", "a/../../x", "a//b", ".", "..", "", "a\\b", "a\0b", "a\nb", "\x1b[2J",
        "x/", "./x", "C:\\x",
    ],
)  # fmt: skip
def test_a_path_that_leaves_is_refused(manifest, path):
    manifest["layers"][0]["annotations"]["org.cncf.model.filepath"] = path
    refused(manifest, "path")


def test_two_files_of_one_path_are_refused(manifest):
    for layer in manifest["layers"]:
        layer["annotations"]["org.cncf.model.filepath"] = "same"
    refused(manifest, "listed twice|one file")


@pytest.mark.parametrize(
    "change",
    [
        {"size": -1}, {"size": 1.5}, {"size": True}, {"size": "7"}, {"size": None}, {"size": 2**60},
        {"digest": "sha256:../../x"}, {"digest": "md5:00"}, {"digest": 5}, {"digest": None},
        {"digest": "sha256:" + "A" * 64}, {"annotations": None}, {"annotations": {}},
        {"annotations": {"org.cncf.model.filepath": 5}}, {"annotations": "org.cncf.model.filepath"},
        {"mediaType": "application/vnd.oci.image.layer.v1.tar"}, {"urls": ["file:///etc/passwd"]},
        {"data": "aGk="}, {"platform": {}},
    ],
)  # fmt: skip
def test_an_odd_layer_is_refused(manifest, change):
    manifest["layers"][0] |= change
    refused(manifest, "cannot be taken|is not the manifest|path")


@pytest.mark.parametrize(
    "change",
    [
        {"layers": None}, {"layers": {}}, {"layers": [5]}, {"layers": [[]]}, {"layers": "ab"},
        {"config": None}, {"config": []}, {"schemaVersion": 1}, {"subject": {}}, {"annotations": {}},
        {"more": 1}, {"mediaType": "x"}, {"mediaType": {}}, {"mediaType": []},
        {"config": {"mediaType": {}}}, {"config": {"mediaType": []}}, {"artifactType": []},
    ],
)  # fmt: skip
def test_an_odd_manifest_is_refused(manifest, change):
    refused(manifest | change, "cannot be taken|is not the manifest|not a model")


def test_a_digest_has_one_size(manifest):
    manifest["layers"][1]["digest"] = manifest["layers"][0]["digest"]
    manifest["layers"][1]["size"] = manifest["layers"][0]["size"] + 1
    refused(manifest, "two sizes")


def test_another_writing_of_the_same_is_refused(manifest):
    refused(json.dumps(manifest, indent=2).encode(), "not as this program writes it")
    text = canonical.dumps(manifest)
    refused(text.replace(b'{"artifactType"', b'{"artifactType":"x","artifactType"', 1), "as this")


def test_limits_hold(manifest, own_store):
    data = own_store.manifest(own_store.find("iris"))
    with pytest.raises(InvalidBundle, match="has 2 files"):
        Artifact.read(data, "x", Limits(layers=1))
    with pytest.raises(InvalidBundle, match="its config has"):
        Artifact.read(data, "x", Limits(config=10))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]\n", "names no schema version"),
        (b"{} \n", "not in canonical form"),
        (b"{}\n", "names no schema version"),
        (b'{"io.modelbundle.model.v1":5}\n', "names no schema version"),
        (b'{"io.modelbundle.model.v1":{}}\n', "names no schema version"),
    ],
)
def test_a_config_that_is_none_is_refused(manifest, own_store, data, why):
    found = read(own_store.manifest(own_store.find("iris")))
    with pytest.raises(BundleError, match=why):
        found.manifest(data, "x")


@pytest.mark.parametrize(
    "change",
    [
        (b'"labels":{}', b'"labels":[]'),
        (b'"metadata":{}', b'"metadata":{"x":NaN}'),
        (b'"labels":{}', b'"labels":{},"labels":{}'),
        (b'"packages":{}', b'"packages":{"numpy":"1.0\\n--index-url http://x"}'),
        (b'"python":"3.11.7"', b'"python":3.11'),
    ],
)
def test_a_config_of_another_shape_is_refused(manifest, own_store, change):
    item = own_store.find("iris")
    config = own_store.config(item)
    assert change[0] in config
    assert read(own_store.manifest(item)).manifest(config, "x")
    with pytest.raises(InvalidBundle):
        read(own_store.manifest(item)).manifest(config.replace(*change), "x")


def test_a_config_that_speaks_of_other_files_is_refused(add_model, own_store):
    one, other = add_model("iris"), add_model("other", weights=b"others")
    found = read(own_store.manifest(one))
    with pytest.raises(InvalidBundle, match="names other files"):
        found.manifest(own_store.config(other), "x")
