"""A file that its library falls over is told of; the command goes on."""

import importlib
import re
import sys

import lightgbm
import numpy as np
import pandas as pd
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
    with pytest.raises(InvalidSource, match=r"lightgbm itself crashes on it \(SIGFPE\)"):
        save_file("trees", path, store=store)
    path.write_text(text)
    assert save_file("trees", path, store=store).name == "trees"


LOOP = {"left_child": "0 0", "right_child": "0 0"}  # the root is a child of itself


def test_a_model_that_never_answers_its_sample_holds_up_no_command(tmp_path):
    """It opens, and loops for ever in a tree whose root is its own child."""
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
    saved = Saved("text", ("model.txt",), executes_code=False)
    rehearse(Lightgbm(), tmp_path, saved)  # opening it is well
    with pytest.raises(InvalidSource, match="comes to no end with it"):
        rehearse(Lightgbm(), tmp_path, saved, seconds=4, given=SaveOptions(sample=rows))


def test_a_file_that_no_other_process_can_open_is_not_opened(tmp_path, monkeypatch):
    """As where `import torch` has brought the library of the system that LightGBM's wheel needs."""
    (tmp_path / "lightgbm.py").write_text("raise OSError('libgomp.so.1: cannot open')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(InvalidSource, match="not in a process of its own") as caught:
        rehearse(Lightgbm(), tmp_path, Saved("text", (), executes_code=False))
    assert caught.value.hint == "See why with `python -c 'import lightgbm'`."


@pytest.fixture
def adapter(tmp_path, monkeypatch):
    """Makes an adapter that does what is written, in the child process as well."""

    def make(loading="return self", calling="return rows"):
        (tmp_path / "model.txt").touch()
        (tmp_path / "slow_adapter.py").write_text(
            "import os, time\nfrom modelbundle.runtime.frameworks.lightgbm import Lightgbm\n"
            "class Slow(Lightgbm):\n"
            "    def load(self, *given):\n"
            f"        {loading}\n"
            "    def methods(self, model):\n"
            "        return ('predict',)\n"
            "    def signatures(self, model):\n"
            "        return {}\n"
            "    def call(self, model, method, rows):\n"
            f"        {calling}\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
        return importlib.import_module("slow_adapter").Slow()

    yield make
    sys.modules.pop("slow_adapter", None)


def test_a_busy_machine_is_no_fault_of_the_file(adapter, tmp_path):
    """Only what a processor works on it counts: others may have the processors meanwhile."""
    saved = Saved("text", ("model.txt",), executes_code=False)
    rehearse(adapter("time.sleep(5)"), tmp_path, saved, seconds=4)


def test_work_without_an_end_is_ended(adapter, tmp_path):
    saved = Saved("text", ("model.txt",), executes_code=False)
    with pytest.raises(InvalidSource, match=r"comes to no end with it in (2|20) s"):
        rehearse(adapter("[None for _ in iter(int, 1)]"), tmp_path, saved, seconds=2)


SAMPLES = {
    "file": lambda folder: {"given": SaveOptions(sample_file=folder / "rows.json")},
    "example": lambda _: {"example": [[1.0, 2.0]]},
    "array": lambda _: {"given": SaveOptions(sample=np.array([[1.0, 2.0]]))},
    "frame": lambda _: {"given": SaveOptions(sample=pd.DataFrame({"a": [1.0], "b": [2.0]}))},
    "inputs": lambda _: {"given": SaveOptions(sample={"a": np.ones(1), "b": np.ones(1)})},
    "tuple": lambda _: {"given": SaveOptions(sample=(np.ones(1), np.ones(1)))},
}


@pytest.mark.parametrize("kind", SAMPLES)
def test_it_is_called_with_any_kind_of_sample(adapter, tmp_path, kind):
    (tmp_path / "rows.json").write_text("[[1.0, 2.0]]")
    saved = Saved("text", ("model.txt",), executes_code=False)
    with pytest.raises(InvalidSource, match=r"crashes on it \(SIGKILL\)"):
        rehearse(
            adapter(calling="os.kill(os.getpid(), 9)"), tmp_path, saved, **SAMPLES[kind](tmp_path)
        )


def test_a_sample_that_only_this_process_knows_is_not_sent(adapter, tmp_path):
    """Here the model is called with it all the same."""
    saved = Saved("text", ("model.txt",), executes_code=False)
    given = SaveOptions(sample=[lambda: 1])
    rehearse(adapter(calling="os.kill(os.getpid(), 9)"), tmp_path, saved, given=given)


def test_a_pickle_is_opened_by_nobody(tmp_path):
    """Nor is what only Python reads: it would be told in words."""
    rehearse(Sklearn(), tmp_path, Saved("joblib", ("model.joblib",), executes_code=True))
