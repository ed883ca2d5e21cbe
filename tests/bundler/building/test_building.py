"""`bundle build`: one digest for one input, whatever the machine and however large the model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import modelbundle
from modelbundle.bundler.building.building import build
from modelbundle.bundler.checking import verify
from modelbundle.bundler.errors import BuildError, InvalidChoice, NotFound, Refused
from modelbundle.bundler.requirements.lock.lock_file import LockFile
from modelbundle.bundler.requirements.resolving import uv
from modelbundle.bundler.serving.serving import LaunchOptions, prepare
from modelbundle.runtime.errors import NotTrusted
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest, bundle_digest

PLAIN = "name: flowers\nmodels: [iris]\n"

ELSEWHERE = """
import os, sys
os.umask(int(sys.argv[2], 8))
os.chdir(sys.argv[3])
from modelbundle.bundler.building.building import build
print(build(sys.argv[1], offline=True).digest)
"""


@pytest.fixture
def built(locked_project, add_model):
    """A bundle of one model and one file."""
    add_model(executes=True)
    return build(locked_project(PLAIN, {"helper.py": "x = 1\n"}))


def test_a_model_only_bundle_is_complete(built):
    files = {path.relative_to(built.directory).as_posix() for path in built.directory.rglob("*")}
    assert {
        "bundle.json",
        "models/iris/model.json",
        "models/iris/model.bin",
        "models/iris/samples/predict.json",
        "samples/iris/predict.json",
        "src/helper.py",
        "env/requirements.lock",
        "server.py",
        "modelbundle/__init__.py",
        "modelbundle/runtime/server.py",
        "openapi.json",
        "sbom.cdx.json",
        "Containerfile",
    } <= files
    assert bundle_digest(built.directory) == built.digest == built.item.digest
    assert verify(built.directory) == built.digest


def test_the_manifest_says_everything_and_survives_reading(built):
    manifest = BundleManifest.read(built.directory)
    assert manifest == BundleManifest.from_json(manifest.to_json())
    assert [route.path for route in manifest.routes] == ["/predict"]
    assert manifest.python == "3.11"
    assert manifest.serve["batch"] == {"max_batch_size": None, "latency_budget": 0.05}
    assert manifest.lock == LockFile.read(built.plan.locked.path).variants["auto"].digest
    assert manifest.hermetic


def test_the_same_input_gives_the_same_bytes_everywhere(built, locked_project, tmp_path):
    """Another directory, file times, umask, hash seed, time zone, user name and language."""
    root = built.plan.locked.path.parent
    there = tmp_path / "elsewhere" / "deep"
    there.mkdir(parents=True)
    for name in ("bundle.lock", "helper.py", "bundlefile.yaml"):
        (there / name).write_bytes((root / name).read_bytes())
        os.utime(there / name, (1, 1))
    (there / "helper.py").chmod(0o600)
    for seed, umask, zone in (("1", "077", "UTC"), ("2", "000", "Asia/Tokyo")):
        settings = {"PYTHONHASHSEED": seed, "TZ": zone, "USER": f"u{seed}", "LANG": "C"}
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, str(there), umask, "/"],
            env=os.environ | settings, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == built.digest


def test_the_weights_are_linked_never_copied(locked_project, add_model, own_store):
    item = add_model(weights=os.urandom(1 << 20))
    built = build(locked_project(PLAIN))
    weights = built.directory / "models" / "iris" / "model.bin"
    blob = own_store.blob(own_store.files(item)[0].digest)
    assert weights.stat().st_size == 1 << 20
    # A reflink has an inode of its own, and then costs no bytes either.
    assert weights.samefile(blob) or weights.stat().st_nlink == 1


def test_building_again_is_the_same_item(built):
    again = build(built.plan.locked.path.parent)
    assert again.item.tag == built.item.tag
    assert not again.plan.locked.is_new


def test_a_dry_run_knows_the_digest_and_writes_nothing(index, project, add_model, own_store):
    add_model()
    written = project(PLAIN)
    before = sorted(path for path in own_store.root.rglob("*") if "tmp" not in path.parts)
    planned = build(written, dry_run=True)
    after = sorted(path for path in own_store.root.rglob("*") if "tmp" not in path.parts)
    assert before == after
    assert not (written.root / "bundle.lock").exists()
    assert planned.item is None
    assert build(written).digest == planned.digest


def test_a_changed_line_changes_one_file(built, locked_project):
    other = build(locked_project(PLAIN, {"helper.py": "x = 2\n"}))
    before = {entry.path: entry.digest for entry in built.manifest.files}
    after = {entry.path: entry.digest for entry in other.manifest.files}
    assert {path for path in before if before[path] != after[path]} == {"src/helper.py"}


def test_a_bundle_is_trusted_when_its_models_are(built, locked_project, add_model, own_store):
    assert own_store.trust.is_trusted(built.digest)
    stranger = add_model("other", weights=b"from elsewhere", executes=True)
    own_store.trust.revoke(stranger.digest)
    untrusted = build(locked_project("name: odd\nmodels: [iris, other]\n"))
    assert not own_store.trust.is_trusted(untrusted.digest)


def test_a_bundle_with_a_package_that_a_stranger_chose_is_not_trusted(
    locked_project, add_model, own_store, monkeypatch
):
    from modelbundle.bundler.building import building

    add_model(imported=True)
    assert own_store.trust.is_trusted(build(locked_project(PLAIN)).digest)
    monkeypatch.setattr(building.libraries, "KNOWN", frozenset())
    add_model(weights=b"other", packages={"numpy": "2.0.0"}, imported=True)
    other = build(locked_project(PLAIN))
    assert not own_store.trust.is_trusted(other.digest)
    assert not other.manifest.executes_code
    with (
        pytest.raises(NotTrusted, match=r"packages that a model .* asks for \(numpy\)"),
        prepare(other.item.tag, own_store, LaunchOptions("current")),
    ):
        pass


def test_a_version_stands_for_one_content(locked_project, add_model):
    add_model()
    built = build(locked_project(PLAIN + "version: 1.4.0\n"))
    assert built.item.tag == "flowers:1.4.0"
    with pytest.raises(Refused):
        build(locked_project(PLAIN + "version: 1.4.0\ndescription: other\n"))


def test_a_pinned_model_stays_until_it_is_locked_again(locked_project, add_model):
    first = add_model()
    written = locked_project("name: flowers\nmodels: [{ref: iris, pin: true}]\n")
    build(written)
    add_model(weights=b"newer")
    assert build(written).manifest.models[0].digest == first.digest


def test_accelerator_for_one_build_leaves_the_lock_alone(locked_project, add_model):
    add_model(packages={"xgboost": "3.2.0"}, framework="xgboost")
    written = locked_project(PLAIN)
    build(written)
    lock = (written.root / "bundle.lock").read_bytes()
    lean = build(written, accelerator="cpu")
    assert lean.manifest.accelerator["kind"] == "cpu"
    assert (written.root / "bundle.lock").read_bytes() == lock


def test_a_model_that_is_not_there_and_a_project_that_is_none(project, tmp_path):
    with pytest.raises(NotFound, match="iris"):
        build(project(PLAIN))
    with pytest.raises(modelbundle.bundler.errors.BundlefileError):
        build(tmp_path)


def test_the_bill_of_materials_lists_models_and_packages_with_hashes(built):
    document = json.loads((built.directory / "sbom.cdx.json").read_text())
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    kinds = {component["bom-ref"]: component for component in document["components"]}
    model = kinds["model:iris"]
    assert model["type"] == "machine-learning-model"
    assert model["hashes"][0]["content"] == built.manifest.models[0].digest.removeprefix("sha256:")
    numpy = next(c for c in document["components"] if c["name"] == "numpy")
    assert numpy["purl"].startswith("pkg:pypi/numpy@")
    assert numpy["hashes"]
    assert len(kinds) == len(document["components"])
    known = {"bundle", *kinds}
    assert all(entry["ref"] in known for entry in document["dependencies"])
    assert all(ref in known for entry in document["dependencies"] for ref in entry["dependsOn"])


@pytest.mark.parametrize(
    ("choice", "hint"),
    [
        ({"accelerator": "tpu"}, "There are `auto`, `cpu`, `cuda`"),
        ({"accelerator": "cuda=13"}, "such as `cuda==13.0`"),
        ({"platform": "windows/x"}, "There are `linux/amd64` and `linux/arm64`."),
    ],
    ids=str,
)
def test_what_no_bundle_can_be_for_is_refused(locked_project, add_model, choice, hint):
    add_model()
    with pytest.raises(InvalidChoice, match=next(iter(choice.values()))) as caught:
        build(locked_project(PLAIN), **choice)
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2


def test_an_unpinned_base_image_is_told_and_left_out(locked_project, add_model):
    add_model()
    built = build(locked_project(PLAIN), offline=False)
    if built.plan.locked.lock.base.digest == "unpinned":
        assert any("not pinned" in warning for warning in built.warnings)
        assert "@" not in built.manifest.accelerator["base"]
    else:
        assert built.manifest.accelerator["base"].endswith(built.plan.locked.lock.base.digest)


def test_from_python_the_verb_is_one_call(locked_project, add_model):
    add_model()
    assert modelbundle.build(locked_project(PLAIN).root).item.name == "flowers"


def test_a_source_that_changes_meanwhile_is_noticed(locked_project, add_model, monkeypatch):
    add_model()
    written = locked_project(PLAIN, {"helper.py": "x = 1\n"})

    class Saboteur:
        """Changes a file between planning and writing."""

        def step(self, text):
            if "store" in text:
                (written.root / "helper.py").write_text("x = 'changed'\n")

        def meter(self, *_):
            raise AssertionError("no meter is needed")

    with pytest.raises(BuildError, match=r"`helper\.py` changed"):
        build(written, progress=Saboteur())


@pytest.mark.parametrize("size", [0, 1])
def test_empty_files_are_files(locked_project, add_model, size):
    add_model()
    built = build(locked_project(PLAIN, {"empty.py": "\n" * size}))
    assert Path(built.directory / "src" / "empty.py").stat().st_size == size


def test_wheels_of_the_projects_own_folder_travel_with_the_bundle(
    locked_project, add_model, make_wheel, tmp_path
):
    """Nobody else could install them; pip and uv find them beside the requirements."""
    add_model()
    bundlefile = PLAIN + "python: {requirements: [mine-alone], find_links: [vendored]}\n"
    written = locked_project(bundlefile)
    wheel = make_wheel(written.root / "vendored", "mine-alone", "1.0")
    built = build(written)
    assert (built.directory / "env/wheels" / wheel.name).read_bytes() == wheel.read_bytes()
    lines = (built.directory / "env/requirements.lock").read_text().splitlines(keepends=True)
    start = next(i for i, line in enumerate(lines) if line.startswith("mine-alone"))
    for name, data in {
        "requirements.lock": "".join([lines[0], *lines[start : start + 2]]).encode(),
        f"wheels/{wheel.name}": wheel.read_bytes(),
    }.items():
        (tmp_path / "alone" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "alone" / name).write_bytes(data)
    alone = tmp_path / "alone" / "requirements.lock"
    target = str(tmp_path / "installed")
    pip = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--require-hashes"]
    subprocess.run([*pip, "-q", "-t", target, "-r", str(alone)], check=True, cwd="/")
    assert (tmp_path / "installed" / "here.py").exists()
    uv.run(
        [
            "pip",
            "install",
            "--no-index",
            "--require-hashes",
            "-t",
            target + "-uv",
            "-r",
            str(alone),
        ],
        cwd=Path("/"),
    )
    assert (tmp_path / "installed-uv" / "here.py").exists()
    wheel.write_bytes(b"")
    with pytest.raises(BuildError, match="not the wheel that was locked"):
        build(written)
