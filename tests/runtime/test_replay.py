"""Replay: the report alone is on stdout, and there is one, whatever a model's program does."""

import json
import os
import subprocess
import sys

import pytest

from modelbundle.bundler.building.model_bundle import of_model
from modelbundle.bundler.saving.save_options import SaveOptions
from modelbundle.bundler.saving.saving import save_file
from modelbundle.bundler.store import Store

NOISY = """
import atexit, os, sys

print("noise at import")
atexit.register(print, "noise at exit")
if os.environ.get("LEAVES") == "at import":
    sys.exit(3)


class Doubler:
    def predict(self, rows):
        print("noise at a call")
        if os.environ.get("LEAVES") == "at a call":
            sys.exit(3)
        return [[2 * number for number in row] for row in rows]
"""


@pytest.fixture
def replay(home, tmp_path, monkeypatch):
    """Replay the samples of a model whose class is imported from a package; its exit and words."""
    (tmp_path / "noisy.py").write_text(NOISY)
    (tmp_path / "sample.json").write_text("[[1.0, 2.0]]")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04\x8c\x05noisy\x8c\x07Doubler\x93)\x81.")
    options = SaveOptions(trust=True, sample_file=tmp_path / "sample.json")
    item = save_file("double", tmp_path / "model.pkl", options, store=Store(home))

    def run(**variables):
        with of_model(item, Store(home)) as directory:
            command = [sys.executable, "-m", "modelbundle.runtime.replay", str(directory)]
            environment = os.environ | variables
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False
            )
        return done.returncode, json.loads(done.stdout), done.stderr

    return run


def test_what_a_model_prints_is_no_part_of_the_report(replay):
    status, report, talk = replay()
    assert (status, report["ok"]) == (0, True)
    for noise in ("at import", "at a call", "at exit"):
        assert f"noise {noise}" in talk


@pytest.mark.parametrize("moment", ["at import", "at a call"])
def test_a_model_that_leaves_is_told(replay, moment):
    status, report, _ = replay(LEAVES=moment)
    assert status == 1
    assert report["error"].startswith("A model left the program (exit code 3)")
