"""Where a bundle runs: here if everything locked is here, else in an environment of its own."""

import errno
import hashlib
import os
import platform
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version

import pytest

from modelbundle.bundler.errors import ResolveError, StoreError
from modelbundle.bundler.requirements.environment import choose, differences
from modelbundle.bundler.requirements.environment_home import COMPLETE
from modelbundle.bundler.store.files import disk
from modelbundle.runtime import digest
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest

HERE = ".".join(map(str, sys.version_info[:2]))


def bundle(directory, requirements, python=HERE):
    """A directory with as much of a bundle as an environment is chosen by."""
    (directory / "env").mkdir(parents=True, exist_ok=True)
    (directory / "env" / "requirements.lock").write_text(requirements)
    manifest = BundleManifest(
        name="x", version=None, description="", labels={}, models=(), service=None, routes=(),
        files=(), python=python, lock=digest.of_bytes(requirements.encode()), hermetic=True,
        accelerator={}, serve={}, security={}, image={"platforms": ["linux/amd64", "linux/arm64"]},
        packer="x",
    )  # fmt: skip
    (directory / "bundle.json").write_bytes(manifest.encode())
    return manifest


@pytest.fixture
def locked(tmp_path, wheels, make_wheel):
    """A bundle whose lock is one small wheel that is not installed here."""
    wheel = make_wheel(wheels, "alpha-of-tests", "1.0", files={"alpha_of_tests.py": "x = 1\n"})
    value = hashlib.sha256(wheel.read_bytes()).hexdigest()
    bundle(tmp_path / "bundle", f"alpha-of-tests==1.0 \\\n    --hash=sha256:{value}\n")
    return tmp_path / "bundle"


def test_the_current_environment_is_taken_where_it_has_every_locked_version(tmp_path):
    bundle(tmp_path, f"numpy=={version('numpy')} \\\n    --hash=sha256:00\n")
    chosen = choose(tmp_path, envs=tmp_path / "envs")
    assert chosen.is_current
    assert str(chosen.python) == sys.executable
    assert "has every locked version" in chosen.why
    assert not (tmp_path / "envs").exists()


def test_every_difference_is_named(tmp_path):
    text = "numpy==0.1 \\\n    --hash=sha256:00\nnot-here==1 \\\n    --hash=sha256:00\n"
    found = differences(tmp_path, bundle(tmp_path, text))
    assert found == [f"numpy is {version('numpy')}, locked is 0.1", "not-here is not installed"]
    other = replace(bundle(tmp_path, text), python="3.9")
    assert differences(tmp_path, other) == [f"Python is {platform.python_version()}, locked is 3.9"]


def test_lines_for_other_machines_are_passed_over(tmp_path):
    text = "not-here==1 ; platform_machine == 'riscv' \\\n    --hash=sha256:00\n"
    assert differences(tmp_path, bundle(tmp_path, text)) == []


def test_a_cpu_build_of_torch_stands_in_for_the_gpus(tmp_path):
    if not (installed := version("torch")).endswith("+cpu"):
        pytest.skip("torch is not a CPU build here")
    text = f"torch=={installed.partition('+')[0]} \\\n    --hash=sha256:00\n"
    text += "nvidia-cublas==13.1 \\\n    --hash=sha256:00\n"
    manifest = bundle(tmp_path, text)
    assert differences(tmp_path, manifest) == []
    assert differences(tmp_path, manifest, on_gpu=True) == [
        f"torch is {installed}, locked is {installed.partition('+')[0]}",
        "nvidia-cublas is not installed",
    ]


def test_otherwise_the_locked_environment_is_made_once(locked, tmp_path):
    chosen = choose(locked, envs=tmp_path / "envs")
    assert not chosen.is_current
    assert "alpha-of-tests is not installed" in chosen.why
    told = subprocess.run(
        [chosen.python, "-c", "import alpha_of_tests, sys; print(alpha_of_tests.x, sys.prefix)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    home = chosen.python.parent.parent
    assert told.stdout.split() == ["1", str(home)]
    made = (home / COMPLETE).stat().st_mtime_ns
    assert choose(locked, "locked", envs=tmp_path / "envs").python == chosen.python
    assert (home / COMPLETE).stat().st_mtime_ns == made


def test_an_environment_that_was_interrupted_is_made_again(locked, tmp_path):
    chosen = choose(locked, envs=tmp_path / "envs")
    home = chosen.python.parent.parent
    (home / COMPLETE).unlink()
    (home / "half").touch()
    choose(locked, envs=tmp_path / "envs")
    assert (home / COMPLETE).exists()
    assert not (home / "half").exists()


def test_one_that_may_not_outlast_a_power_cut_does_not_count_as_made(locked, tmp_path, monkeypatch):
    def fails(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(disk, "sync_filesystem", fails)
        with pytest.raises(StoreError, match=r"make the environment.*Input/output error"):
            choose(locked, "locked", envs=tmp_path / "envs")
    assert not list((tmp_path / "envs").glob(f"*/{COMPLETE}"))
    assert choose(locked, "locked", envs=tmp_path / "envs").python.exists()


def test_one_whose_interpreter_was_removed_is_made_again(locked, tmp_path):
    chosen = choose(locked, envs=tmp_path / "envs")
    chosen.python.unlink()
    chosen.python.symlink_to(tmp_path / "gone")
    assert choose(locked, envs=tmp_path / "envs") == chosen
    assert chosen.python.exists()


def test_the_same_packages_for_an_exact_python_are_another_environment(locked, tmp_path):
    """One that was made for 3.11 may be of any patch."""
    minor = choose(locked, "locked", envs=tmp_path / "envs")
    requirements = (locked / "env" / "requirements.lock").read_text()
    bundle(locked, requirements, platform.python_version())
    assert choose(locked, "locked", envs=tmp_path / "envs").python != minor.python


def test_a_wheel_with_another_hash_is_refused_and_leaves_nothing(tmp_path, wheels, make_wheel):
    make_wheel(wheels, "alpha-of-tests", "1.0")
    bundle(tmp_path, f"alpha-of-tests==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    with pytest.raises(ResolveError, match=r"(?i)hash"):
        choose(tmp_path, envs=tmp_path / "envs")
    assert not [path for path in (tmp_path / "envs").iterdir() if path.is_dir()]


def test_wheels_that_overwrite_each_other_are_refused(tmp_path, wheels, make_wheel):
    lines = ""
    for name in ("one", "two"):
        wheel = make_wheel(wheels, name, "1.0", files={"shared.py": f"x = {name!r}\n"})
        lines += (
            f"{name}==1.0 \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
        )
    bundle(tmp_path, lines)
    with pytest.raises(ResolveError, match=r"both own 1 files.*shared\.py"):
        choose(tmp_path, envs=tmp_path / "envs")


def test_current_means_current_whatever_the_lock_says(locked, tmp_path):
    chosen = choose(locked, "current", envs=tmp_path / "envs")
    assert chosen.is_current


def test_another_machines_bundle_is_refused_before_anything_is_made(locked, tmp_path):
    manifest = BundleManifest.read(locked)
    other = "linux/arm64" if platform.machine() == "x86_64" else "linux/amd64"
    changed = replace(manifest, image={"platforms": [other]})
    (locked / "bundle.json").write_bytes(changed.encode())
    with pytest.raises(ResolveError, match=f"locked for {other}"):
        choose(locked, envs=tmp_path / "envs")


def test_platforms_that_nobody_knows_are_another_machine_and_none_are_any(locked, tmp_path):
    known = BundleManifest.read(locked)
    for given in (["linux/s390x"], None):
        made = replace(known, image={"platforms": given})
        (locked / "bundle.json").write_bytes(made.encode())
        if given:
            with pytest.raises(ResolveError, match="locked for linux/s390x; this machine is"):
                choose(locked, envs=tmp_path / "envs")
    assert not choose(locked, envs=tmp_path / "envs").is_current


def test_an_index_with_older_versions_does_not_hide_what_is_locked(
    tmp_path, serve_index, make_wheel, monkeypatch
):
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    own, public = serve_index("own"), serve_index("public")
    make_wheel(own.root / "alpha-of-tests", "alpha-of-tests", "0.1")
    newer = make_wheel(public.root / "alpha-of-tests", "alpha-of-tests", "1.0")
    value = hashlib.sha256(newer.read_bytes()).hexdigest()
    monkeypatch.setenv("UV_DEFAULT_INDEX", public.url)
    text = f"--extra-index-url {own.url}\nalpha-of-tests==1.0 \\\n    --hash=sha256:{value}\n"
    bundle(tmp_path / "bundle", text)
    chosen = choose(tmp_path / "bundle", "locked", envs=tmp_path / "envs")
    assert list(
        chosen.python.parent.parent.glob("lib/*/site-packages/alpha_of_tests-1.0.dist-info")
    )


def test_one_that_is_there_is_taken_where_nothing_can_be_written(locked, tmp_path):
    envs = tmp_path / "envs"
    made = choose(locked, envs=envs)
    mounted = subprocess.run(["mount", "--bind", envs, envs], check=False)
    if os.geteuid() or mounted.returncode:
        pytest.skip("needs leave to mount")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", envs], check=True)
        assert choose(locked, envs=envs).python == made.python
        with pytest.raises(StoreError, match="EROFS"):
            choose(locked, envs=envs / "below")
    finally:
        subprocess.run(["umount", envs], check=True)
