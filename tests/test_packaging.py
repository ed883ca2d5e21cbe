"""The package itself: what wheel and sdist hold, and that the wheel works far from the checkout."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

PARTS = [
    "__init__.py",
    "__main__.py",
    "client.py",
    "py.typed",
    "bundlefile.schema.json",
    "cli",
    "bundler",
    "templates",
    "runtime",
]


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """A wheel and an sdist, built from a copy of what git tracks."""
    root = Path(__file__).resolve().parent.parent
    copy = tmp_path_factory.mktemp("checkout") / "modelbundle-src"
    for name in tracked(root):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target, follow_symlinks=False)
    out = tmp_path_factory.mktemp("dist")
    for kind in ("wheel", "sdist"):
        run([sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(out)], cwd=copy)
    return next(out.glob("*.whl")), next(out.glob("*.tar.gz")), set(tracked(root))


def tracked(root):
    if not (root / ".git").exists():
        pytest.skip("not a git checkout: there is no list of files to compare with")
    listed = run(["git", "ls-files", "-z"], cwd=root).split("\0")
    return [name for name in listed if name and (root / name).exists()]


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_the_parts_and_nothing_else(archives):
    wheel, _, names = archives
    expected = {f"modelbundle/{name}" for name in names if name.partition("/")[0] in PARTS}

    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert held == expected


def test_the_sdist_holds_what_git_tracks_except_the_link(archives):
    _, sdist, names = archives

    with tarfile.open(sdist) as archive:
        held = {member.name.partition("/")[2] for member in archive if member.isfile()}

    assert held - {"PKG-INFO"} == {name for name in names if not name.startswith(".dev/")}


def test_the_installed_wheel_works_outside_the_checkout(archives, tmp_path):
    wheel, _, _ = archives
    environment = tmp_path / "venv"
    run([sys.executable, "-m", "venv", str(environment)])
    pip = [str(environment / "bin/pip"), "install", "--quiet", "--no-compile", str(wheel)]
    installed = subprocess.run(pip, capture_output=True, text=True, check=False, cwd=tmp_path)
    if installed.returncode and "No matching distribution" in installed.stderr:
        pytest.skip("the package index cannot be reached")
    assert installed.returncode == 0, installed.stderr
    (tmp_path / "double.py").write_text("def double(rows):\n    return [2 * row for row in rows]\n")
    (tmp_path / "sample.json").write_text("[1, 2]")

    bundle = str(environment / "bin/bundle")
    env = {"PATH": os.environ["PATH"], "BUNDLE_HOME": str(tmp_path / "home")}
    run(
        [bundle, "save", "double", "double:double", "--sample", "sample.json"],
        cwd=tmp_path,
        env=env,
    )

    assert "double" in run([bundle, "models", "list"], cwd=tmp_path, env=env)
    assert run([bundle, "schema"], cwd=tmp_path, env=env).startswith("{")
    module = [str(environment / "bin/python"), "-m", "modelbundle"]
    assert run([*module, "--version"], cwd=tmp_path, env=env).startswith("bundle ")
    assert "double" in run([*module, "models", "list"], cwd=tmp_path, env=env)
