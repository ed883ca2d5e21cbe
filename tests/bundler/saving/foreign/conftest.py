"""Small artifacts in the forms of other tools, written by hand after what those tools write."""

import io
import json
import os
import pickle
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from modelbundle.bundler.building.chosen_model import ChosenModel
from modelbundle.bundler.saving import saving
from modelbundle.bundler.store import Store
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.models.model import LoadedModel

ROWS = np.random.default_rng(0).random((40, 3))
CODES = (ROWS.sum(1) * 2).astype(int) % 3
NAMES = ["a", "b", "c"]

NET = """
import torch


class Net(torch.nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.fc = torch.nn.Linear(3, width)

    def forward(self, x):
        return self.fc(x).relu()
"""
COLUMNS = json.dumps([{"type": "double", "name": name, "required": True} for name in NAMES])
MATRIX = json.dumps([{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}])


class Canary:
    """What it is made of when it is unpickled tells that it was."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture
def canary(tmp_path):
    """A pickle that makes a directory when it is loaded; there must be none at the end."""
    place = tmp_path / "the canary sang"
    yield pickle.dumps(Canary(place))
    assert not place.exists()


@dataclass
class Progress:
    """Keeps what was said."""

    said: list = field(default_factory=list)

    def step(self, text):
        self.said.append(text)

    def warning(self, text):
        self.said.append(text)

    def meter(self, text, total, unit="bytes"):
        from modelbundle.bundler.progress import NullProgress

        return NullProgress().meter(text, total, unit)


@dataclass
class Taken:
    """A saved model: its manifest, what was said, and its answers."""

    item: object
    said: list
    store: Store

    @property
    def manifest(self):
        return ChosenModel.of("m", self.item, self.store).manifest

    @property
    def directory(self):
        return self.store.directory(self.item)

    def answer(self, rows, method=None):
        loaded = LoadedModel.load(self.directory, "cpu")
        method = method or self.manifest.default_method
        batch = table.collate(self.manifest.methods[method].inputs, rows)
        return table.to_instances(loaded.framework.call(loaded.object, method, batch))


@pytest.fixture
def take(home):
    """Save what another tool wrote, under the name `m`."""
    store = Store(home)

    def save(source, **given):
        progress = Progress()
        options = saving.SaveOptions(**given)
        item = saving.save_source("m", str(source), options, store=store, progress=progress)
        return Taken(item, progress.said, store)

    save.store = store
    return save


def write_mlflow(
    directory, flavors, files, *, inputs=COLUMNS, outputs=None, example=None, requirements=""
):
    """A model directory as MLflow 3 writes it."""
    directory.mkdir(parents=True)
    for name, data in files.items():
        place = directory / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data if isinstance(data, bytes) else data.encode())
    document = {
        "flavors": {
            "python_function": {"loader_module": "mlflow.x", "python_version": "3.10.4"},
            **flavors,
        },
        "mlflow_version": "3.17.2",
        "model_uuid": os.urandom(16).hex(),
        "utc_time_created": "2026-01-01 00:00:00.000000",
        "signature": {"inputs": inputs, "outputs": outputs, "params": None},
    }
    if example is not None:
        (directory / "input_example.json").write_text(json.dumps(example))
        document["saved_input_example_info"] = {"artifact_path": "input_example.json"}
    (directory / "MLmodel").write_text(json.dumps(document))  # YAML, too
    (directory / "requirements.txt").write_text(requirements)
    return directory


def write_tar(path, files, mode="w:gz"):
    """A tar of files by name."""
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def write_zip(path, files):
    """A zip of files by name."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_mar(path, files, **model):
    """An archive as torch-model-archiver 0.12 writes it."""
    manifest = {"runtime": "python", "model": {"modelName": "m", "modelVersion": "1.2"} | model}
    files = {**files, "MAR-INF/MANIFEST.json": json.dumps(manifest).encode()}
    return write_zip(path, files)


def bento_yaml(module, framework, versions, **options):
    """A model.yaml as BentoML 1.4 writes it."""
    return f"""name: m
version: bndmf3xfrcuscax4
module: bentoml.{module}
labels: {{}}
options: {json.dumps(options)}
metadata: {{}}
context:
  framework_name: {framework}
  framework_versions: {json.dumps(versions)}
  bentoml_version: 1.4.39
  python_version: 3.11.7
signatures:
  predict:
    batchable: false
api_version: v1
creation_time: '2026-01-01T00:00:00+00:00'
""".encode()


@pytest.fixture(scope="session")
def sklearn_model():
    """A classifier of matrices, and of tables with the same columns."""
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit(pd.DataFrame(ROWS, columns=NAMES), CODES)


@pytest.fixture(scope="session")
def boosted():
    """XGBoost's wrapper, and its own file."""
    import xgboost

    model = xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(ROWS, CODES)
    return model, bytes(model.get_booster().save_raw("ubj"))


@pytest.fixture(scope="session")
def net(tmp_path_factory):
    """A small module, its source and its files: `net.py`, state, script and whole pickle."""
    import sys

    import torch

    home = tmp_path_factory.mktemp("net")
    (home / "carried_net.py").write_text(NET)
    sys.path.insert(0, str(home))
    try:
        from carried_net import Net

        torch.manual_seed(0)
        model = Net().eval()
        files = {"state": io.BytesIO(), "whole": io.BytesIO(), "script": io.BytesIO()}
        torch.save(model.state_dict(), files["state"])
        torch.save(model, files["whole"])
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.save(torch.jit.script(model), files["script"])
        rows = ROWS[:4].astype("float32")
        answers = model(torch.tensor(rows)).tolist()
    finally:
        sys.path.remove(str(home))
        sys.modules.pop("carried_net", None)
    return rows.tolist(), answers, {name: file.getvalue() for name, file in files.items()}


@pytest.fixture
def forms():
    """The writers above, for tests that cannot import a conftest."""
    return Forms


class Forms:
    ROWS, CODES, NAMES, NET, COLUMNS, MATRIX = ROWS, CODES, NAMES, NET, COLUMNS, MATRIX
    mlflow = staticmethod(write_mlflow)
    tar = staticmethod(write_tar)
    zip = staticmethod(write_zip)
    mar = staticmethod(write_mar)
    bento_yaml = staticmethod(bento_yaml)
    Path = Path
