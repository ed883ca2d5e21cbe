"""What is imported ahead of a model's files."""

import gc
import subprocess
import sys

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from modelbundle.bundler.saving.saving import save_object
from modelbundle.bundler.store import Store
from modelbundle.runtime.frameworks import registry
from modelbundle.runtime.manifests.model_manifest import ModelManifest
from modelbundle.runtime.models import imports

AHEAD = """
import sys
from pathlib import Path
from modelbundle.runtime.frameworks import registry
from modelbundle.runtime.manifests.model_manifest import ModelManifest
from modelbundle.runtime.models import imports

manifest = ModelManifest.read(Path(sys.argv[1]))
imports.ahead(manifest, registry.load(manifest.loader))
print(*sys.modules)
"""


@pytest.fixture
def forest(tmp_path):
    """The directory of a saved model."""
    rows = np.random.default_rng(0).random((20, 3))
    model = RandomForestClassifier(2).fit(rows, rows[:, 0] > 0.5)
    store = Store(tmp_path)
    return store.directory(save_object("forest", model, store=store))


def test_the_modules_that_a_pickle_names_are_there_before_it_is_read(forest):
    done = subprocess.run(
        [sys.executable, "-c", AHEAD, forest], capture_output=True, text=True, check=True
    )
    assert {"sklearn.ensemble._forest", "sklearn.tree._tree"} <= set(done.stdout.split())


def test_only_those_of_its_library_are(forest):
    manifest = ModelManifest.read(forest)
    manifest.globals["more.pkl"] = ("antigravity.fly", "sklearn.missing.Thing")
    imports.ahead(manifest, registry.load(manifest.loader))
    assert "antigravity" not in sys.modules


def test_the_collector_works_again_and_leaves_what_was_imported():
    before = gc.get_freeze_count()
    with imports.uncollected():
        assert not gc.isenabled()
        kept = [[] for _ in range(100)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(kept)
    gc.unfreeze()
