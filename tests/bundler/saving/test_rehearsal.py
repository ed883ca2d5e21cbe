"""A file that its library falls over is told of; the command goes on."""

import importlib
import re
import sys

import lightgbm
import numpy as np
import pytest

from modelbundle.bundler.errors import InvalidSource
from modelbundle.bundler.saving.rehearsal import rehearse
from modelbundle.bundler.saving.save_options import SaveOptions
from modelbundle.bundler.saving.saving import save_file
from modelbundle.bundler.store import Store
from modelbundle.runtime.frameworks.framework import Saved
from modelbundle.runtime.frameworks.lightgbm import Lightgbm
from modelbundle.runtime.frameworks.sklearn import Sklearn


def test_a_model_that_ends_its_library_ends_no_command(tmp_path):
    """LightGBM divides by the number of trees of an iteration."""
    data = lightgbm.Dataset(np.arange(20.0)[:, None], np.arange(20) % 2)
    booster = lightgbm.train({"verbose": -1, "min_data_in_leaf": 1}, data, 1)
    text = booster.model_to_string()
    path = tmp_path / "model.txt"
    path.write_text(re.sub("num_tree_per_iteration=1", "num_tree_per_iteration=0", text))
    store = Store(tmp_path / "store")
    with pytest.raises(InvalidSource, match=r"lightgbm itself falls over it \(SIGFPE\)"):
        save_file("trees", path, store=store)
    path.write_text(text)
    assert save_file("trees", path, store=store).name == "trees"


def test_a_model_that_its_library_never_ends_with_holds_up_no_command(tmp_path):
    """LightGBM 4.6 went round for ever in some trees; any file takes longer than no time."""
    data = lightgbm.Dataset(np.arange(3.0)[:, None], np.arange(3) % 2)
    lightgbm.train({"verbose": -1}, data, 1).save_model(str(tmp_path / "model.txt"))
    saved = Saved("text", ("model.txt",), executes_code=False)
    with pytest.raises(InvalidSource, match="comes to no end with it in 0 s"):
        rehearse(Lightgbm(), tmp_path, saved, seconds=0.01)
    rehearse(Lightgbm(), tmp_path, saved)


LOOP = {"left_child": "0 0", "right_child": "0 0"}  # the root is a child of itself


@pytest.mark.parametrize("has_file", [True, False])
def test_a_model_that_never_answers_its_sample_holds_up_no_command(tmp_path, has_file):
    """It opens, and goes round for ever in a tree whose root is its own child."""
    rows = np.arange(24.0)[:, None]
    booster = lightgbm.train(
        {"verbose": -1, "min_data_in_leaf": 1, "num_leaves": 3},
        lightgbm.Dataset(rows, rows[:, 0]),
        1,
    )
    text = booster.model_to_string()
    for key, value in LOOP.items():
        text = re.sub(f"(?m)^{key}=.*$", f"{key}={value}", text)
    (tmp_path / "model.txt").write_text(re.sub("(?m)^tree_sizes=.*\n", "", text))
    (tmp_path / "rows.json").write_text("[[1.0], [2.0]]")
    saved = Saved("text", ("model.txt",), executes_code=False)
    given = SaveOptions(sample_file=tmp_path / "rows.json") if has_file else SaveOptions()
    example = None if has_file else [[1.0], [2.0]]
    rehearse(Lightgbm(), tmp_path, saved)  # opening it is well
    with pytest.raises(InvalidSource, match="comes to no end with it"):
        rehearse(Lightgbm(), tmp_path, saved, seconds=4, given=given, example=example)


@pytest.fixture
def adapter(tmp_path, monkeypatch):
    """Makes an adapter whose `load` does what is written, in the child process as well."""

    def make(loading):
        (tmp_path / "slow_adapter.py").write_text(
            "import time\nfrom modelbundle.runtime.frameworks.lightgbm import Lightgbm\n"
            "class Slow(Lightgbm):\n"
            "    def load(self, *given):\n"
            f"        {loading}\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
        return importlib.import_module("slow_adapter").Slow()

    yield make
    sys.modules.pop("slow_adapter", None)


def test_a_busy_machine_is_no_fault_of_the_file(adapter, tmp_path):
    """Only what a processor works on it counts: others may have the processors meanwhile."""
    (tmp_path / "model.txt").touch()
    saved = Saved("text", ("model.txt",), executes_code=False)
    rehearse(adapter("time.sleep(3)"), tmp_path, saved, seconds=2)


def test_work_without_an_end_is_ended(adapter, tmp_path):
    (tmp_path / "model.txt").touch()
    saved = Saved("text", ("model.txt",), executes_code=False)
    with pytest.raises(InvalidSource, match=r"comes to no end with it in (2|20) s"):
        rehearse(adapter("[None for _ in iter(int, 1)]"), tmp_path, saved, seconds=2)


def test_a_pickle_is_opened_by_nobody(tmp_path):
    """Nor is what only Python reads: it would be told in words."""
    rehearse(Sklearn(), tmp_path, Saved("joblib", ("model.joblib",), executes_code=True))
