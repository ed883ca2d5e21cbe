"""A model that the disk has no room for: each library says it in its own words, we in one."""

import os
import subprocess
import warnings

import numpy as np
import pytest

import modelbundle
from modelbundle.bundler.errors import StoreError
from modelbundle.bundler.store import Store

ROWS = np.random.default_rng(0).normal(size=(400, 4)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 2, 400)


def sklearn():
    from sklearn import ensemble

    return ensemble.RandomForestClassifier(100, n_jobs=1).fit(ROWS, LABELS)


def xgboost():
    import xgboost as library

    return library.XGBClassifier(n_estimators=400, n_jobs=1).fit(ROWS, LABELS)


def lightgbm():
    import lightgbm as library

    return library.LGBMClassifier(n_estimators=400, n_jobs=1, verbose=-1).fit(ROWS, LABELS)


def torch():
    from torch import nn

    return nn.Sequential(nn.Linear(4, 100_000), nn.Linear(100_000, 1))


def scripted():
    import torch as library

    with warnings.catch_warnings(action="ignore"):
        return library.jit.script(torch())


def exported():
    import torch as library

    return library.export.export(torch(), (library.zeros(2, 4),))


@pytest.fixture
def disk(tmp_path):
    """A file system of 256 KiB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", path]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs leave to mount")
    yield path
    subprocess.run(["umount", "-l", path], check=True)  # a traceback may hold a file of it


@pytest.mark.parametrize("make", [sklearn, xgboost, lightgbm, torch, scripted, exported])
def test_a_model_without_room_is_told_of_as_such_and_not_as_one_that_cannot_be_saved(disk, make):
    store = Store(disk / "store")
    with pytest.raises(StoreError, match="ENOSPC") as caught:
        modelbundle.save("big", make(), sample=ROWS[:2], store=store)
    assert str(disk) in str(caught.value)
    assert "bundle gc" in caught.value.hint
    assert store.items("model") == []
    assert store.verify() == []
