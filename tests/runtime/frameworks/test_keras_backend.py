"""Keras computes with the library of training: what a pickle says of it is `keras` alone."""

import os
import subprocess
import sys

import pytest

from modelbundle.bundler.store import Store
from modelbundle.runtime.frameworks import keras_backend

KERAS = """
import os
class backend:
    name = os.environ.get("KERAS_BACKEND", "tensorflow")
    def backend():
        return backend.name
class Model:
    def predict(self, rows):
        raise AssertionError("a bar is drawn")
    def predict_on_batch(self, rows):
        return [backend.name for _ in rows]
"""
SAVE = """
import keras, modelbundle
modelbundle.save("net", keras.Model(), sample=[[1.0], [2.0]])
"""
LOAD = """
import sys
from pathlib import Path
from modelbundle.runtime.models.model import LoadedModel
model = LoadedModel.load(Path(sys.argv[1]))
print(model.manifest.packages.get("torch"), model.call("predict", [[3.0]]))
"""


def test_a_model_is_loaded_with_the_backend_that_it_was_saved_with(tmp_path):
    """A stand-in for Keras, as far as it is asked: it decides when it is imported."""
    package = tmp_path / "site-packages" / "keras"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(KERAS)
    plain = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    plain["PYTHONPATH"] = str(package.parent)

    def run(code, *arguments, **variables):
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, env=plain | variables, capture_output=True, check=True)
        return done.stdout.decode().strip()

    run(SAVE, KERAS_BACKEND="torch")
    directory = Store.default().directory(Store.default().find("net"))
    version, _, answers = run(LOAD, str(directory)).partition(" ")
    assert version[0].isdigit()
    assert answers == "['torch']"


@pytest.mark.parametrize("option", ["sh", 3, ["torch"], None])
def test_nothing_else_is_put_into_the_environment(monkeypatch, option):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    keras_backend.choose({"keras_backend": option})
    assert "KERAS_BACKEND" not in os.environ


class Doubled:
    """An author's own, whatever Keras has."""

    def predict(self, rows):
        return [2 * row for row in rows]

    def predict_on_batch(self, rows):
        raise AssertionError(rows)


def test_what_an_author_wrote_is_called_as_it_is():
    assert keras_backend.method(Doubled(), "predict")([1]) == [2]
    assert keras_backend.method(Doubled(), "transform") is None


def test_without_keras_nothing_is_noted():
    assert keras_backend.noted({"numpy"}) == {}
    assert keras_backend.noted({"keras"}) == {}  # named, and never imported
