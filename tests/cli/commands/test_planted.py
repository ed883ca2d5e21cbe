"""A bundle unpacked somewhere, into which somebody has put files of their own: none of them runs."""

import importlib.util
import json
import marshal
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

EVIL = "import pathlib; pathlib.Path({!r}).open('a').write('ran')\n"
RUNS = [
    "modelbundle/__init__",
    "modelbundle/runtime/errors",
    "modelbundle/runtime/http/app",
    "server",
]


@pytest.fixture
def unpacked(shop, tmp_path):
    """The directory of a bundle whose digest is trusted, and where a planted file would write."""
    directory = tmp_path / "unpacked"
    shutil.copytree(shop("show", "bundle:twice", "--json").json["path"], directory)
    for folder in (directory, *directory.rglob("*")):
        folder.chmod(folder.stat().st_mode | 0o200)
    return directory, tmp_path / "canary"


def plant_bytecode(directory, canary):
    """Beside each module, bytecode that Python would run in its place."""
    for name in RUNS:
        cache = Path(importlib.util.cache_from_source(str(directory / f"{name}.py")))
        cache.parent.mkdir(exist_ok=True)
        code = marshal.dumps(compile(EVIL.format(str(canary)), str(cache), "exec"))
        unchecked = (1).to_bytes(4, "little") + b"\0" * 8
        cache.write_bytes(importlib.util.MAGIC_NUMBER + unchecked + code)


def plant_modules(directory, canary):
    """Modules that would stand in for libraries, and a package in place of a module."""
    for name in (
        "json.py",
        "pathlib.py",
        "runpy.py",
        "numpy.py",
        "sitecustomize.py",
        "orjson/__init__.py",
    ):
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(EVIL.format(str(canary)))
    package = directory / "modelbundle" / "runtime" / "errors"
    package.mkdir()
    (package / "__init__.py").write_text(EVIL.format(str(canary)))


def test_bytecode_in_an_unpacked_bundle_is_not_run(shop, unpacked):
    directory, canary = unpacked
    plant_bytecode(directory, canary)
    code = "import modelbundle"
    subprocess.run([sys.executable, "-c", code], cwd=directory, capture_output=True, check=False)
    assert canary.exists()  # so it would be without us
    canary.unlink()
    shop("test", directory, "--env=current", "--trust")
    with shop.serving(directory, "--env=current") as server:
        assert server.post("/predict", {"instances": [[1.0, 2.0]]}) == {"predictions": [[2.0, 4.0]]}
    assert not canary.exists()


def test_modules_that_nobody_lists_are_refused(shop, unpacked):
    directory, canary = unpacked
    plant_modules(directory, canary)
    for command in ("serve", "test"):
        refused = shop(command, directory, "--env=current", "--trust", code=6)
        assert "does not belong to the bundle" in refused.err
    assert not canary.exists()


@pytest.mark.parametrize("plant", [plant_bytecode, plant_modules])
@pytest.mark.parametrize("option", [[], ["-P"]])
def test_server_py_runs_none_of_them(unpacked, plant, option):
    directory, canary = unpacked
    plant(directory, canary)
    digest = importlib.import_module("hashlib").sha256((directory / "bundle.json").read_bytes())
    settings = os.environ | {"BUNDLE_TRUST": digest.hexdigest()}
    command = [sys.executable, *option, str(directory / "server.py"), "--port=0"]
    with subprocess.Popen(
        command, cwd=directory, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            assert served(process) == {"predictions": [[2.0, 4.0]]}
        finally:
            process.terminate()
            process.stdout.read()
    assert process.returncode == 0
    assert not canary.exists()


def served(process):
    """What it answers, once its log has said where."""
    for line in process.stdout:
        if b"http://127.0.0.1:" in line:
            url = (
                "http://127.0.0.1:" + line.partition(b"http://127.0.0.1:")[2].decode().split('"')[0]
            )
            url = url.split()[0].rstrip(".,")
            request = urllib.request.Request(
                url + "/predict",
                b'{"instances": [[1.0, 2.0]]}',
                {"content-type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read())
    return None


def test_a_changed_module_is_not_run_by_server_py(unpacked):
    directory, canary = unpacked
    path = directory / "modelbundle" / "runtime" / "errors.py"
    path.write_text(EVIL.format(str(canary)) + path.read_text())
    done = subprocess.run(
        [sys.executable, directory / "server.py", "--port=0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "errors.py` differs from its digest; the bundle is damaged." in done.stderr
    assert not canary.exists()
