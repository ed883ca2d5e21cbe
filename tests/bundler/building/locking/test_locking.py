"""`bundle lock`: resolved once, kept while its inputs stay the same."""

import json

import pytest

from modelbundle.bundler.building.building import build
from modelbundle.bundler.building.locking.locking import lock
from modelbundle.bundler.errors import NotFound, ResolveError
from modelbundle.bundler.requirements.lock.lock_file import LockFile

PLAIN = "name: flowers\nmodels: [iris]\n"


@pytest.fixture
def cut_off(monkeypatch, tmp_path):
    """From now on no index answers and no cache knows anything."""

    def cut():
        monkeypatch.setenv("UV_OFFLINE", "1")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))

    return cut


def versions(locked):
    return {package.name: package.version for package in locked.lock.packages}


def test_models_runtime_and_author_are_resolved_together(index, project, add_model):
    add_model(packages={"idna": "3.10"})
    written = project(PLAIN + 'python: {requirements: ["six[nosuch]"]}\n')
    locked = lock(written)
    found = versions(locked)
    assert [w for w in locked.warnings if "has no extra `nosuch`" in w]
    assert found["idna"] == "3.10"
    assert {"starlette", "uvicorn", "numpy", "six"} <= found.keys()
    assert LockFile.read(written.root / "bundle.lock").variants == {"auto": locked.lock}
    assert locked.lock.python == "3.11"


def test_grpc_is_locked_where_it_is_spoken(index, project, add_model):
    """With protobuf, which grpcio does not ask for; nowhere else."""
    add_model()
    plain = versions(lock(project(PLAIN)))
    spoken = versions(lock(project(PLAIN + "serve: {dialects: [native, grpc]}\n")))
    assert spoken.keys() - plain.keys() >= {"grpcio", "protobuf"}


def test_the_lock_is_kept_while_its_inputs_stay_the_same(index, project, add_model, cut_off):
    add_model()
    written = project(PLAIN)
    before = lock(written)
    cut_off()
    again = lock(written)
    assert before.is_new
    assert not again.is_new
    assert again.lock == before.lock


def test_another_model_of_the_same_packages_needs_no_resolution(index, project, add_model, cut_off):
    add_model()
    written = project(PLAIN)
    lock(written)
    newer = add_model(weights=b"other")
    cut_off()
    locked = lock(written)
    assert locked.is_new
    assert locked.lock.models["iris"].digest == newer.digest


def test_a_new_requirement_leaves_the_other_versions_where_they_were(index, project, add_model):
    add_model()
    written = project(PLAIN)
    locked = lock(written)
    data = json.loads((written.root / "bundle.lock").read_text())
    for package in data["packages"]:
        if package["name"] == "idna":
            package["version"] = "3.10"
    (written.root / "bundle.lock").write_text(json.dumps(data))
    more = project(PLAIN + "python: {requirements: [six]}\n")
    assert versions(lock(more))["idna"] == "3.10"
    assert versions(lock(more, upgrade=True))["idna"] == versions(locked)["idna"]


def test_the_authors_pin_wins_over_the_recorded_version_and_it_is_told(index, project, add_model):
    add_model(packages={"idna": "3.10"})
    locked = lock(project(PLAIN + "python: {requirements: [idna==3.8]}\n"))
    assert versions(locked)["idna"] == "3.8"
    told = [w for w in locked.warnings if "saved with idna 3.10; the lock has 3.8" in w]
    assert len(told) == 1
    assert "`idna==3.8`" in told[0]


def test_a_wide_requirement_keeps_the_recorded_version(index, project, add_model):
    add_model(packages={"idna": "3.10"})
    locked = lock(project(PLAIN + "python: {requirements: [idna>=3]}\n"))
    assert versions(locked)["idna"] == "3.10"


def test_a_contradiction_names_the_model_and_the_author(index, project, add_model):
    add_model(packages={"anyio": "4.0.0"})
    written = project(PLAIN + "python: {requirements: ['idna<2']}\n")
    with pytest.raises(ResolveError) as caught:
        lock(written)
    assert "`idna<2` (python.requirements in the bundlefile)" in str(caught.value)
    assert not (written.root / "bundle.lock").exists()


def test_two_platforms_make_one_lock(index, project, add_model):
    add_model()
    locked = lock(project(PLAIN + "platforms: [linux/amd64, linux/arm64]\n"))
    orjson = next(p for p in locked.lock.packages if p.name == "orjson")
    assert sum("x86_64" in name for name in orjson.files) == 1
    assert sum("aarch64" in name for name in orjson.files) == 1


def test_without_a_recorded_python_the_author_is_asked(project, add_model):
    add_model(python=None)
    with pytest.raises(ResolveError, match="which Python") as caught:
        lock(project(PLAIN))
    assert "python: {version:" in caught.value.hint


def test_models_of_two_pythons_need_a_decision(project, add_model):
    add_model("a", python="3.11.7")
    add_model("b", python="3.12.1")
    with pytest.raises(ResolveError, match=r"`a` with 3\.11, `b` with 3\.12"):
        lock(project("name: x\nmodels: [a, b]\n"))


def test_a_python_that_the_runtime_cannot_use_is_refused(project, add_model):
    add_model(python="3.9.1")
    with pytest.raises(ResolveError, match=r"needs Python 3\.11"):
        lock(project(PLAIN))


def test_a_missing_model_is_named(project):
    with pytest.raises(NotFound, match="iris"):
        lock(project(PLAIN))


def test_a_base_image_that_could_not_be_pinned_is_looked_up_again(
    index, project, add_model, registry
):
    add_model()
    host, _ = registry
    written = project(PLAIN + f"image: {{base: '{host}/open/image:1'}}\n")
    assert lock(written, offline=True).lock.base.digest == "unpinned"
    again = lock(written)
    assert again.is_new
    assert again.lock.base.digest.startswith("sha256:ab")
    assert again.hardware.base == f"{host}/open/image:1@{again.lock.base.digest}"
    assert not lock(written, offline=True).is_new


def test_one_platform_of_several_has_the_hardware_of_that_platform(
    index, project, add_model, monkeypatch
):
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    add_model(packages={"torch": "2.13.0"}, framework="torch")
    written = project(PLAIN + "platforms: [linux/amd64, linux/arm64]\n")
    both = build(written, dry_run=True)
    one = build(written, dry_run=True, platform="linux/arm64")
    assert one.manifest.accelerator["archs"] != both.manifest.accelerator["archs"]
    assert one.manifest.image["platforms"] == ["linux/arm64"]
