"""What a linter of Containerfiles says of each kind that there is: nothing."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from modelbundle.bundler.image.recipe.containerfile import render
from modelbundle.runtime.manifests.file_entry import FileEntry

from .recipe.test_containerfile import BUNDLE, DIGEST, with_image

CUDA = {"kind": "cuda", "cuda": "13.0", "min_driver": "580"}
NVIDIA = CUDA | {"base": f"nvidia/cuda:13.0.3-base-ubuntu24.04@{DIGEST}"}
BOTH = {"platforms": ["linux/amd64", "linux/arm64"]}
COMPILED = SimpleNamespace(compiled=("fasttext",))
COMMANDS = [{"command": "echo 'a' > /srv/b"}, {"command": "ldconfig"}]
SYSTEM = {"packages": ["libgomp1", "curl=7.88.1-10"], "run": COMMANDS}
GROUPS = tuple(FileEntry(f"env/{name}.lock", DIGEST, 1) for name in ("cuda", "frameworks"))
WHEELS = (FileEntry("env/wheels/own-1.0-py3-none-any.whl", DIGEST, 1),)
GROUPED = replace(BUNDLE, files=(*BUNDLE.files, *GROUPS, *WHEELS))
OWN = {"env": {"A_B": "c d $e"}, "labels": {"team": "a b"}, "user": "7:8", "workdir": "/srv/model"}
MANY = tuple(replace(BUNDLE.models[0], alias=f"m{number}") for number in range(100))
VARIANTS = {
    "plain": (BUNDLE, None),
    "pinned": (replace(BUNDLE, accelerator={"kind": "cpu", "base": f"python:3.11@{DIGEST}"}), None),
    "groups and own wheels": (GROUPED, None),
    "compiled": (BUNDLE, COMPILED),
    "compiled framework": (GROUPED, SimpleNamespace(compiled=("torch", "fasttext"))),
    "system": (with_image(system=SYSTEM), None),
    "commands": (with_image(system=SYSTEM | {"packages": []}), None),
    "everything of the author": (with_image(**OWN), COMPILED),
    "without own code": (replace(BUNDLE, service=None, files=BUNDLE.files[:5]), None),
    "many models": (replace(BUNDLE, models=MANY), None),
    "cuda linked in": (replace(BUNDLE, accelerator=CUDA | {"base": "python:3.11-slim"}), None),
    "nvidia": (replace(BUNDLE, accelerator=NVIDIA), None),
    "nvidia, two platforms": (replace(BUNDLE, accelerator=NVIDIA, image=BOTH), None),
    "nvidia, system": (replace(with_image(system=SYSTEM), accelerator=NVIDIA), COMPILED),
    "nvidia, exact": (replace(BUNDLE, accelerator=NVIDIA, python="3.11.9"), None),
}


@pytest.fixture(scope="module")
def hadolint():
    """The program; what it finds in a text, at every level."""
    beside = Path(sys.executable).with_name("hadolint")
    program = str(beside) if beside.exists() else shutil.which("hadolint")
    if program is None:
        pytest.skip("hadolint is not installed")

    def found(text):
        command = [program, "--no-color", "--format", "json", "-"]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        return [(one["code"], one["line"], one["message"]) for one in json.loads(done.stdout)]

    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_is_found(hadolint, variant):
    assert hadolint(render(*VARIANTS[variant])) == []


def test_it_would_find_something(hadolint):
    text = render(BUNDLE).replace("COPY modelbundle", "ADD modelbundle")
    assert {code for code, _, _ in hadolint(text)} == {"DL3020"}
