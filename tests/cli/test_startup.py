"""What a command imports before it works: the cause of every slow start, held without a clock."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "docker", "lightgbm", "numpy", "onnxruntime", "pandas", "pydantic", "requests", "rich", "scipy",
    "sklearn", "starlette", "torch", "uvicorn", "xgboost", "yaml", "cloudpickle", "asyncio",
}  # fmt: skip
SAVING = """
import sys
sys.path.insert(0, "")
import numpy as np
from modelbundle.bundler.saving.save_options import SaveOptions
from modelbundle.bundler.saving.saving import save_source
save_source("double", "train:model", SaveOptions(sample=np.array([[1.0, 2.0], [3.0, 4.0]])))
print(*sys.modules)
"""
REPORT = """
import json, sys
sys.argv = ["bundle", *json.loads(sys.argv[1])]
from modelbundle.cli.main import main
try:
    main()
except SystemExit as stop:
    code = stop.code
print("@@" + json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules} | {*sys.modules})]))
"""


def loaded_by(*arguments):
    done = subprocess.run(
        [sys.executable, "-c", REPORT, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    code, modules = json.loads(done.stdout.rpartition("@@")[2])
    assert code == 0, done.stderr
    return set(modules)


def test_the_version_is_said_before_typer_is_imported():
    assert not loaded_by("--version") & (HEAVY | {"typer", "click", "json5"})


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["save", "--help"],
        ["serve", "--help"],
        ["build", "--help"],
        ["list", "--json"],
        ["models", "list"],
        ["models", "list", "--json"],
        ["du"],
        ["gc"],
        ["verify"],
        ["schema"],
        ["export", "--help"],
        ["import", "--help"],
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_imported_before_it_is_needed(arguments):
    assert loaded_by(*arguments) & HEAVY == set()


@pytest.mark.parametrize(
    "arguments", [["list"], ["models", "list"], ["trust", "list"]], ids=" ".join
)
def test_a_listing_does_without_what_verifies_and_repairs(arguments):
    assert not {name for name in loaded_by(*arguments) if ".store.upkeep" in name}


def test_help_does_without_the_store():
    assert "modelbundle.bundler.store" not in loaded_by("--help")


def test_looking_at_what_is_stored_imports_no_more(shop, monkeypatch):
    monkeypatch.setenv("BUNDLE_HOME", str(shop.home))
    for command in (
        ["models", "show", "double"],
        ["show", "twice"],
        ["list"],
        ["verify", "twice"],
        ["export", "twice", "/dev/null"],
    ):
        assert loaded_by(*command) & HEAVY == set()


def test_a_save_imports_what_a_plain_model_needs(plain):
    done = subprocess.run(
        [sys.executable, "-c", SAVING], cwd=plain, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) & {"urllib3", "numpy.ma", "pydantic", "yaml"} == set()


def test_importing_the_package_imports_nothing_else():
    code = "import sys, modelbundle; print(sorted(m for m in sys.modules if 'modelbundle' in m))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert (
        done.stdout.strip()
        == "['modelbundle', 'modelbundle.runtime', 'modelbundle.runtime.version']"
    )
