"""Base: images of others, of which every word may be a lie."""

import json

import pytest

from modelbundle.bundler.errors import BuildError, InvalidTag, RegistryError
from modelbundle.bundler.image.base import opened
from modelbundle.runtime import digest
from modelbundle.runtime.errors import BundleError

from .conftest import write_base


def rewritten(tmp_path, change):
    """A base image whose manifest and configuration `change` has had in its hands."""
    reference = write_base(tmp_path / "base")
    folder = tmp_path / "base"
    index = json.loads((folder / "index.json").read_bytes())
    manifest = load(folder, index["manifests"][0]["digest"])
    config = load(folder, manifest["config"]["digest"])
    change(manifest, config)
    if manifest.get("config"):
        manifest["config"] |= store(folder, config)
    index["manifests"][0] |= store(folder, manifest)
    (folder / "index.json").write_text(json.dumps(index))
    return reference


def load(folder, name):
    return json.loads((folder / "blobs" / "sha256" / name[7:]).read_bytes())


def store(folder, document):
    data = json.dumps(document).encode()
    (folder / "blobs" / "sha256" / digest.of_bytes(data)[7:]).write_bytes(data)
    return {"digest": digest.of_bytes(data), "size": len(data)}


def test_a_base_is_read_and_its_layers_are_left_where_they_are(base):
    with opened(base, "linux/amd64") as found:
        assert found.repository is None
        assert found.config["architecture"] == "amd64"
        (layer,) = found.layers
        data = b"".join(layer.content.read(0, layer.blob.size))
        assert digest.of_bytes(data) == layer.blob.digest


@pytest.mark.parametrize("written", ["./base", "../{0}/base", "{1}/base", "~/base", "oci:base"])
def test_a_directory_is_told_by_how_it_begins(written, tmp_path, monkeypatch):
    write_base(tmp_path / "base")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with opened(written.format(tmp_path.name, tmp_path), "linux/amd64") as found:
        assert found.repository is None


LIES = {
    "a variable that is a number": lambda m, c: c["config"].update(Env=[1]),
    "variables that are no list": lambda m, c: c["config"].update(Env={"A": "b"}),
    "a label that is a list": lambda m, c: c["config"].update(Labels={"a": []}),
    "no digests": lambda m, c: c["rootfs"].update(diff_ids=[1]),
    "no root": lambda m, c: c.pop("rootfs"),
    "a layer too many": lambda m, c: m["layers"].append(m["layers"][0]),
    "a size below zero": lambda m, c: m["layers"][0].update(size=-1),
    "a size of true": lambda m, c: m["layers"][0].update(size=True),
    "a digest that is a path": lambda m, c: m["layers"][0].update(digest="sha256:../../x"),
    "layers that are no list": lambda m, c: m.update(layers=7),
    "no configuration": lambda m, c: m.pop("config"),
    "a history that is a text": lambda m, c: c.update(history="x"),
    "an architecture of none": lambda m, c: c.update(architecture=None),
    "an index of nothing": lambda m, c: m.update(manifests=[7, {"platform": "x"}]),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_ends_in_a_line(lie, tmp_path):
    reference = rewritten(tmp_path, LIES[lie])
    with pytest.raises((BuildError, RegistryError)) as caught, opened(reference, "linux/amd64"):
        pytest.fail("it was believed")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "a b", "$(id)", "http://x/y", "x\ny", "UPPER", "a@sha256:1", "-x", "s3://a/b:1"]
)
def test_what_is_no_reference_is_told(text):
    with pytest.raises(BundleError) as caught, opened(text, "linux/amd64"):
        pytest.fail("it was opened")
    assert isinstance(caught.value, InvalidTag)


def test_an_index_has_an_image_for_the_platform_or_says_for_which(tmp_path):
    reference = write_base(tmp_path / "base")
    folder = tmp_path / "base"
    index = json.loads((folder / "index.json").read_bytes())
    entry = index["manifests"][0] | {"platform": {"os": "linux", "architecture": "amd64"}}
    about = store(folder, {"schemaVersion": 2, "manifests": [entry]})
    index["manifests"] = [{"mediaType": "application/vnd.oci.image.index.v1+json"} | about]
    (folder / "index.json").write_text(json.dumps(index))
    with opened(reference, "linux/amd64") as found:
        assert found.digest == about["digest"]  # that of the index: what a lock pins
        assert len(found.layers) == 1
    with (
        pytest.raises(BuildError, match="for linux/arm64, but for linux/amd64"),
        opened(reference, "linux/arm64"),
    ):
        pytest.fail("it was opened")
