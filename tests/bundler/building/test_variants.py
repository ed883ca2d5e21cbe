"""One bundlefile for several platforms and accelerators: one lock, a bundle of each."""

import json
import subprocess
import sys

import pytest

from modelbundle.bundler.building.building import build
from modelbundle.bundler.building.locking.locking import lock
from modelbundle.bundler.errors import InvalidChoice, ResolveError
from modelbundle.bundler.requirements.lock.lock_file import LockFile

BUNDLEFILE = """\
name: flowers
version: "1.4"
models: [iris]
accelerator: [auto, cpu]
platforms: [linux/amd64, linux/arm64]
python: {requirements: [beta]}
image: {base: "127.0.0.1:9/none/none:1"}
"""


@pytest.fixture
def both(project, add_model, tiny_index, make_wheel):
    """A project whose package brings a library for GPUs, on one of two platforms."""
    needs = ["nvidia-nccl-cu12; platform_machine == 'x86_64'", "numpy"]
    make_wheel(tiny_index.root / "beta", "beta", "1.0", needs)
    name = "nvidia-nccl-cu12"
    make_wheel(tiny_index.root / name, name, "2.0", files={"nvidia/nccl/lib/libnccl.so.2": "x"})
    add_model()
    return project(BUNDLEFILE)


def names(built):
    lines = (built.directory / "env" / "requirements.lock").read_text().splitlines()
    return {line.partition("==")[0] for line in lines if "==" in line and not line.startswith(" ")}


def test_one_lock_holds_each_and_says_which_package_is_whose(both, tiny_index):
    locked = lock(both)
    data = json.loads((both.root / "bundle.lock").read_text())
    assert list(data["variants"]) == ["auto", "cpu"]
    by_name = {package["name"]: package for package in data["packages"]}
    assert by_name["nvidia-nccl-cu12"]["accelerators"] == ["auto"]
    assert by_name["nvidia-nccl-cu12"]["platforms"] == ["linux/amd64"]
    assert "accelerators" not in by_name["numpy"]
    assert LockFile.read(both.root / "bundle.lock") == locked.file
    tiny_index.asked.clear()
    assert not lock(both).is_new
    assert tiny_index.asked == []


def test_each_variant_is_built_of_that_lock_and_called_by_its_accelerator(both, tiny_index):
    first = build(both)
    before = (both.root / "bundle.lock").read_bytes()
    tiny_index.asked.clear()
    second = build(both, accelerator="cpu")
    assert tiny_index.asked == []
    assert (both.root / "bundle.lock").read_bytes() == before
    assert (first.item.version, second.item.version) == ("1.4", "1.4+cpu")
    assert "nvidia-nccl-cu12" in names(first)
    assert "nvidia-nccl-cu12" not in names(second)
    assert (first.manifest.accelerator["kind"], second.manifest.accelerator["kind"]) == (
        "cuda", "cpu",
    )  # fmt: skip
    assert build(both, accelerator="cpu").digest == second.digest


def test_one_platform_of_one_variant(both):
    built = build(both, accelerator="auto", platform="linux/arm64", dry_run=True)
    assert built.manifest.image["platforms"] == ["linux/arm64"]
    assert "nvidia-nccl-cu12" not in {p.name for p in built.plan.locked.lock.packages}


def test_a_variant_that_the_bundlefile_does_not_name_leaves_the_lock_as_it_is(both):
    lock(both)
    before = (both.root / "bundle.lock").read_bytes()
    with pytest.raises(ResolveError, match=r"accelerator: cuda==13\.0"):
        build(both, accelerator="cuda==13.0")
    assert (both.root / "bundle.lock").read_bytes() == before


def test_every_decision_has_its_sentence(both):
    lock(both)
    told = "\n".join(build(both, dry_run=True).plan.why)
    for sentence in (
        "`bundle.lock` is kept: all that it depends on is the same.",
        "Python 3.11: the models were saved with it.",
        "packages for linux/amd64, of which nvidia-nccl-cu12 for it alone.",
        "The lock holds cpu, too: `bundle build --accelerator`.",
        "belongs to CUDA 12",
        "The bundlefile names the base image `127.0.0.1:9/none/none:1`.",
    ):
        assert sentence in told


def test_what_is_left_out_by_name_is_out_and_told(both, project, add_model):
    text = both.path.read_text().replace("[beta]", "[beta], exclude_packages: [Nvidia_NCCL.cu12]")
    both.path.write_text(text)
    built = build(type(both).open(both.root), dry_run=True)
    assert "nvidia-nccl-cu12" not in {p.name for p in built.plan.locked.lock.packages}
    assert any("nvidia-nccl-cu12 is left out" in sentence for sentence in built.plan.why)


def test_what_somebody_asks_for_by_name_cannot_be_left_out(both):
    both.path.write_text(
        both.path.read_text().replace("[beta]", "[beta], exclude_packages: [beta]")
    )
    with pytest.raises(ResolveError, match=r"`beta` stands in `python.exclude_packages`, but"):
        lock(type(both).open(both.root))


def test_wheels_that_overwrite_each_other_are_refused_and_one_key_mends_it(
    both, make_wheel, tiny_index
):
    name = "nvidia-nccl-cu13"
    make_wheel(tiny_index.root / name, name, "2.0", files={"nvidia/nccl/lib/libnccl.so.2": "y"})
    make_wheel(tiny_index.root / "gamma", "gamma", "1.0", [name])
    both.path.write_text(both.path.read_text().replace("[beta]", "[beta, gamma]"))
    with pytest.raises(ResolveError, match=r"`nvidia/nccl/lib/libnccl\.so\.2`") as caught:
        lock(type(both).open(both.root))
    for word in ("nvidia-nccl-cu12 2.0 (asked for by beta)", "nvidia-nccl-cu13 2.0", "gamma"):
        assert word in str(caught.value)
    assert f"exclude_packages: [{name}]" in caught.value.hint
    mended = both.path.read_text().replace("gamma]", f"gamma], exclude_packages: [{name}]")
    both.path.write_text(mended)
    assert lock(type(both).open(both.root)).is_new


def test_an_sdist_only_by_name_and_then_the_bundle_says_so(both, tiny_index, tmp_path):
    import io
    import tarfile

    folder = tiny_index.root / "delta"
    folder.mkdir()
    files = {
        "delta-1.0/PKG-INFO": "Metadata-Version: 2.2\nName: delta\nVersion: 1.0\n",
        "delta-1.0/pyproject.toml": (
            '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'
            '[project]\nname = "delta"\nversion = "1.0"\n'
        ),
    }
    with tarfile.open(folder / "delta-1.0.tar.gz", "w:gz") as archive:
        for path, text in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    both.path.write_text(both.path.read_text().replace("[beta]", "[beta, delta]"))
    with pytest.raises(ResolveError) as caught:
        lock(type(both).open(both.root))
    assert "allow_source: [delta]" in caught.value.hint
    text = both.path.read_text().replace("delta]", "delta], allow_source: [delta]")
    both.path.write_text(text)
    built = build(type(both).open(both.root))
    assert built.manifest.hermetic is False
    assert any("`delta` is built from source" in warning for warning in built.warnings)
    assert any("Not hermetic: delta" in sentence for sentence in built.plan.why)
    shown = subprocess.run(
        [sys.executable, "-m", "modelbundle.cli.main", "show", "flowers"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "hermetic:    no (packages are built from source)" in shown.stdout


def test_a_platform_that_no_bundle_is_for_is_named(both):
    with pytest.raises(InvalidChoice, match="No bundle is for `linux/riscv64`"):
        build(both, platform="linux/riscv64")
