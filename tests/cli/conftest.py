"""The command line as a person uses it: a process, its two streams and its exit code."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

BUNDLE = str(Path(sys.executable).parent / "bundle")

TRAIN = """
import numpy as np
from sklearn.linear_model import LogisticRegression

rows = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [3.0, 3.0]])
model = LogisticRegression().fit(rows, ["no", "yes", "no", "yes"])
"""


@dataclass(frozen=True)
class Run:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        assert self.out.count("\n") == 1, f"not one object on stdout: {self.out!r}"
        return json.loads(self.out)


@pytest.fixture
def bundle(tmp_path):
    """Run a command in `tmp_path`; its exit code must be `code`, and nobody ever sees a traceback."""

    def run(*arguments, code=0, cwd=tmp_path, **variables):
        done = subprocess.run(
            [BUNDLE, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=cwd,
            env=os.environ | variables,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, f"{done.returncode}: {done.stdout}\n{done.stderr}"
        return Run(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def trained(tmp_path):
    """A directory with `train.py`, a sample and a two-line bundlefile."""
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "sample.json").write_text("[[0.0, 0.5], [2.0, 2.0]]")
    (tmp_path / "bundlefile.yaml").write_text("name: answer\nmodels: [answer]\ninclude: []\n")
    return tmp_path


@pytest.fixture
def saved(bundle, trained):
    """The tag of a saved model."""
    return bundle("save", "answer", "train:model", "--sample", "sample.json", "--json").json["tag"]
