"""The store is an OCI image layout that other tools can read."""

import json

import pytest

from modelbundle.bundler.store import Store, oci
from modelbundle.runtime.digest import of_bytes
from modelbundle.runtime.errors import InvalidBundle


def index(store):
    return json.loads((store.root / "index.json").read_bytes())


def refs(store):
    return {
        entry["annotations"]["org.opencontainers.image.ref.name"]: entry["digest"]
        for entry in index(store)["manifests"]
    }


def test_every_tag_leads_from_the_index_to_the_files(store, save):
    model = save("iris", files={"b": b"2", "a": b"1"}, aliases=["production"])
    bundle = save("iris", files={"run": b"#!"}, executable=("run",), kind="bundle", version="1.0")
    assert json.loads((store.root / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert refs(store) == {
        f"models/{model.tag}": model.manifest,
        "models/iris@latest": model.manifest,
        "models/iris@production": model.manifest,
        "bundles/iris:1.0": bundle.manifest,
        "bundles/iris@latest": bundle.manifest,
    }
    for entry in index(store)["manifests"]:
        data = (store.root / "blobs/sha256" / entry["digest"][7:]).read_bytes()
        assert (of_bytes(data), len(data)) == (entry["digest"], entry["size"])
        manifest = json.loads(data)
        assert manifest["artifactType"] == entry["artifactType"]
        for blob in (manifest["config"], *manifest["layers"]):
            data = (store.root / "blobs/sha256" / blob["digest"][7:]).read_bytes()
            assert (of_bytes(data), len(data)) == (blob["digest"], blob["size"])


def test_a_model_is_a_modelpack_artifact(store, save):
    item = save(files={"b/c": b"2", "a": b"1"})
    manifest = json.loads(store.blob(item.manifest).read_bytes())
    assert manifest["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    assert manifest["config"]["mediaType"] == "application/vnd.cncf.model.config.v1+json"
    assert manifest["config"]["digest"] == item.digest
    assert [layer["annotations"]["org.cncf.model.filepath"] for layer in manifest["layers"]] == [
        "a",
        "b/c",
    ]
    assert {layer["mediaType"] for layer in manifest["layers"]} == {
        "application/vnd.cncf.model.weight.v1.raw"
    }


def test_the_index_follows_deletes_and_aliases(store, save):
    first, second = save(files={"w": b"1"}), save(files={"w": b"2"})
    store.alias(first, "canary")
    assert refs(store)["models/iris@canary"] == first.manifest
    store.unalias("model", "iris", "canary")
    assert "models/iris@canary" not in refs(store)
    store.delete(second)
    assert refs(store) == {
        f"models/{first.tag}": first.manifest,
        "models/iris@latest": first.manifest,
    }


def test_a_long_loop_writes_the_index_now_and_then_and_at_the_end(store, save, monkeypatch):
    written = []
    monkeypatch.setattr(
        oci, "index", lambda items, real=oci.index: written.append(1) or real(items)
    )
    for number in range(100):
        save(f"m{number}")
    assert len(written) < 60
    store.settle()
    assert len(refs(store)) == 200


def test_the_index_is_whole_when_the_process_ends(tmp_path):
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; from modelbundle.bundler.store import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "for n in range(70): store.commit('model', f'm{n}', b'{}', [])"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "s"], check=True)
    assert len(refs(Store(tmp_path / "s"))) == 140
    assert list((tmp_path / "s/tmp").iterdir()) == []


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"config":{}}', b"[" * 100_000, b"\xff"])
def test_what_is_no_manifest_is_said_to_be_none(data):
    with pytest.raises(
        InvalidBundle, match="This is not the manifest of a model or bundle: "
    ) as told:
        oci.read_manifest(data)
    assert "Error(" not in str(told.value)  # a sentence, not Python's name of an object
