"""docs/store.md and docs/bundle-format.md: a reader and a writer that know only what they say."""

import hashlib
import json
import os
import re
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

import modelbundle
from modelbundle.bundler.building.building import build
from modelbundle.bundler.store import Store
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest
from modelbundle.runtime.manifests.model_entry import ModelEntry
from modelbundle.runtime.manifests.model_manifest import ModelManifest

SECTION = "io.modelbundle.model.v1"
PATH = "org.cncf.model.filepath"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Doubler:
    """A model that any interpreter runs."""

    def predict(self, rows):
        return [[2 * number for number in row] for row in rows]


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def canonical(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode() + b"\n"


def record(value):
    body = canonical(value)
    return hashlib.sha256(body).hexdigest()[:16].encode() + b" " + body


def blob(root, digest):
    data = (root / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()
    assert sha(data) == digest
    return data


def read_item(root, kind, name, version):
    """An item of a store: its record, its config and its files, all hashed."""
    line = (root / "refs" / f"{kind}s" / name / version).read_bytes()
    check, _, body = line.partition(b" ")
    assert hashlib.sha256(body).hexdigest()[:16] == check.decode()
    item = json.loads(body)
    manifest = json.loads(blob(root, item["manifest"]))
    assert manifest["config"]["digest"] == item["digest"]
    files = {one["annotations"][PATH]: blob(root, one["digest"]) for one in manifest["layers"]}
    return item, blob(root, item["digest"]), files


def put(root, data):
    place = root / "blobs" / "sha256" / sha(data).removeprefix("sha256:")
    if not place.exists():
        place.write_bytes(data)
        place.chmod(0o444)
    return {"digest": sha(data), "size": len(data)}


def write_model(root, name, version, files):
    """A model of a program that has never seen our sources."""
    listed = [{"path": path} | put(root, data) for path, data in sorted(files.items())]
    section = {
        "schema": 1, "framework": "xgboost", "format": "ubj", "python": "3.12.1",
        "loader": "modelbundle.runtime.frameworks.xgboost:Xgboost", "packages": {}, "files": listed,
        "methods": [{"name": "predict", "inputs": {"layout": "objects", "fields": []},
                     "outputs": {"layout": "objects", "fields": []}, "batchable": False}],
        "executes_code": False, "globals": {}, "options": {}, "samples": {}, "labels": {},
        "metadata": {},
    }  # fmt: skip
    config = canonical({
        "config": {"format": "ubj"}, "descriptor": {}, SECTION: section,
        "modelfs": {"type": "layers", "diffIds": [one["digest"] for one in listed]},
    })  # fmt: skip
    own = put(root, config)
    model = "application/vnd.cncf.model"
    manifest = canonical({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": f"{model}.manifest.v1+json",
        "config": {"mediaType": f"{model}.config.v1+json"} | own,
        "layers": [{"mediaType": f"{model}.weight.v1.raw", "digest": one["digest"],
                    "size": one["size"], "annotations": {PATH: one["path"]}} for one in listed],
    })  # fmt: skip
    known = put(root, manifest)
    (number,) = (int(path.name) for path in (root / "counter").iterdir())
    (root / "counter" / str(number)).rename(root / "counter" / str(number + 1))
    line = record({
        "kind": "model", "name": name, "version": version, "digest": own["digest"],
        "manifest": known["digest"], "manifest_size": known["size"],
        "size": own["size"] + sum(one["size"] for one in listed), "created": 0.0,
        "framework": "xgboost", "executes_code": False, "sequence": number + 1,
    })  # fmt: skip
    place = root / "refs" / "models" / name
    place.mkdir(exist_ok=True)
    (root / "tmp" / "record").write_bytes(line)
    os.link(root / "tmp" / "record", place / version)
    (root / "tmp" / "record").unlink()
    return own["digest"]


@pytest.fixture(scope="module")
def made(index, tmp_path_factory):
    """A store with a model and a bundle of it."""
    store, project = Store(tmp_path_factory.mktemp("home")), tmp_path_factory.mktemp("project")
    modelbundle.save("double", Doubler(), sample=[[1.0, 2.0]], aliases=["production"], store=store)
    (project / "bundlefile.yaml").write_text(
        "name: twice\nmodels: [double]\ninclude: []\npython: {version: '3.11'}\n"
    )
    return store, build(project, store=store)


def test_another_program_reads_a_store(made):
    store, _ = made
    item = store.find("double@production")
    said, config, files = read_item(store.root, "model", "double", item.version)
    assert said["digest"] == sha(config) == item.digest
    section = json.loads(config)[SECTION]
    assert {one["path"]: sha(files[one["path"]]) for one in section["files"]} == {
        one["path"]: one["digest"] for one in section["files"]
    }
    assert canonical(json.loads(config)) == config
    alias = (store.root / "refs/models/double/@production").read_bytes().partition(b" ")[2]
    assert json.loads(alias)["version"] == item.version


def test_another_program_writes_a_store_and_we_use_it(made):
    store = made[0]
    digest = write_model(store.root, "foreign", "1", {"model.ubj": b"{L learner", "x/y": b"z"})
    again = Store(store.root)
    item = again.find("foreign")
    assert (item.tag, item.digest) == ("foreign:1", digest)
    assert again.verify() == []
    assert (again.directory(item) / "x" / "y").read_bytes() == b"z"
    modelbundle.save("double", Doubler(), version="later", store=again)
    assert again.find("double").sequence > item.sequence
    again.gc()
    assert again.verify() == []


def test_another_program_verifies_a_bundle(made):
    _, bundle = made
    directory = Path(bundle.directory)
    data = (directory / "bundle.json").read_bytes()
    document = json.loads(data)
    assert canonical(document) == data
    assert sha(data).removeprefix("sha256:").startswith(bundle.item.version)
    listed = {one["path"]: one for one in document["files"]}
    there = {p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file()}
    assert there == {*listed, "bundle.json"}
    for path, one in listed.items():
        content = (directory / path).read_bytes()
        assert (sha(content), len(content)) == (one["digest"], one["size"])
    for model in document["models"]:
        home = directory / "models" / model["alias"]
        config = (home / "model.json").read_bytes()
        assert sha(config) == model["digest"]
        for one in json.loads(config)[SECTION]["files"]:
            assert listed[f"models/{model['alias']}/{one['path']}"]["digest"] == one["digest"]


def table(checkout, heading):
    """The keys that a table of the page names in its first column."""
    text = (checkout / "docs" / "bundle-format.md").read_text()
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    first = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for cell in first for name in re.findall(r"`([a-z_]+)`", cell)}


def required(kind):
    """The keys that stand in every file of this kind."""
    given = (MISSING, MISSING)
    return {one.name for one in fields(kind) if (one.default, one.default_factory) == given}


def test_the_tables_name_every_key_and_no_other(checkout):
    model = {field.name for field in fields(ModelManifest)} | {"schema"}
    assert table(checkout, "model.json") == model
    told = table(checkout, "bundle.json")
    assert required(BundleManifest) | {"schema"} <= told
    assert told <= {field.name for field in fields(BundleManifest)} | {"schema"}
    said = (checkout / "docs" / "bundle-format.md").read_text()
    assert not [name for name in required(ModelEntry) if f'"{name}"' not in said]


def test_the_page_of_the_store_names_what_is_in_one(checkout, made):
    said = (checkout / "docs" / "store.md").read_text()
    for path in made[0].root.iterdir():
        assert f"{path.name}" in said, path.name


def test_the_limits_of_an_archive_from_elsewhere_are_those_that_are_told(checkout):
    from modelbundle.bundler.saving.foreign import unpacking

    said = (checkout / "docs" / "importing.md").read_text().replace("\n", " ")
    assert f"more than {unpacking._RATIO} times its size and a gigabyte" in said
    assert unpacking._FREE == 1 << 30
    assert f"more than {unpacking._HEADER >> 20} MiB" in said
