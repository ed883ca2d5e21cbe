"""A bundle against its digests, and its models against what they answered when they were saved."""

import shutil

import numpy as np
import pytest

import modelbundle
from modelbundle.bundler.building.building import build
from modelbundle.bundler.checking import replay, verify
from modelbundle.bundler.difference import Contents, diff
from modelbundle.bundler.errors import Damaged
from modelbundle.bundler.requirements.environment import Environment, choose
from modelbundle.bundler.store import Store
from modelbundle.runtime.errors import BundleError, InvalidBundle, NotTrusted

SAMPLE = np.array([[1.0, 2.0], [3.0, 5.0]])


def fit(slope=1.0):
    """A real model, small enough to be fitted in a test."""
    from sklearn.linear_model import LinearRegression

    rows = np.arange(8.0).reshape(4, 2)
    return LinearRegression().fit(rows, rows @ [slope, 2.0])


BUNDLEFILE = "name: lines\nmodels: [line]\n"


@pytest.fixture(scope="module")
def original(index, tmp_path_factory):
    """A bundle of a real model with its samples, built once, and the store that it is in."""
    home, root = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("lines")
    store = Store(home)
    modelbundle.save("line", fit(), sample=SAMPLE, store=store)
    (root / "bundlefile.yaml").write_text(BUNDLEFILE)
    (root / "helper.py").write_text("x = 1\n")
    return build(root, store=store), store


@pytest.fixture
def built(original, monkeypatch):
    """The bundle; its store is the person's for the time of the test."""
    bundle, store = original
    monkeypatch.setenv("BUNDLE_HOME", str(store.root))
    return bundle


@pytest.fixture
def copy(built, tmp_path):
    """A bundle outside the store, whose files may be changed."""
    directory = tmp_path / "copy"
    shutil.copytree(built.directory, directory)
    for path in directory.rglob("*"):
        path.chmod(0o755)
    return directory


def current(directory, tmp_path):
    return choose(directory, "current", envs=tmp_path / "envs")


def test_a_whole_bundle_is_its_digest(built, copy):
    assert verify(copy) == built.digest


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda d: (d / "src/helper.py").write_text("x = 2\n"), r"helper\.py` differs"),
        (lambda d: (d / "src/helper.py").write_text("longer\n"), r"has 7 bytes instead of 6"),
        (lambda d: (d / "server.py").unlink(), r"`server\.py` is missing"),
        (lambda d: (d / "src/numpy.py").write_text(""), r"`src/numpy\.py` does not belong"),
    ],
)
def test_every_kind_of_damage_is_named(copy, spoil, told):
    spoil(copy)
    with pytest.raises(Damaged, match=told) as caught:
        verify(copy)
    assert caught.value.exit_code == 6


def test_a_link_out_of_the_bundle_is_damage_and_pythons_caches_are_not(copy, tmp_path):
    (copy / "src" / "__pycache__").mkdir()
    (copy / "src" / "__pycache__" / "helper.pyc").write_bytes(b"")
    verify(copy)
    outside = tmp_path / "outside.py"
    outside.write_text((copy / "src/helper.py").read_text())
    (copy / "src/helper.py").unlink()
    (copy / "src/helper.py").symlink_to(outside)
    with pytest.raises(Damaged, match="link out of the bundle"):
        verify(copy)


def test_a_directory_without_a_manifest_is_no_bundle(tmp_path):
    with pytest.raises(InvalidBundle, match=r"no `bundle\.json`"):
        verify(tmp_path)


def test_recorded_samples_are_answered_as_they_were(built, tmp_path):
    report = replay(built.directory, current(built.directory, tmp_path))
    assert report.ok
    assert [(o.alias, o.method, o.rows) for o in report.replayed] == [("line", "predict", 2)]


def test_another_answer_is_told_with_its_place(copy, tmp_path):
    from modelbundle.runtime.data.samples import Samples

    path = copy / "samples/line/predict.json"
    recorded = Samples.read(path)
    wrong = Samples("predict", recorded.inputs, (recorded.outputs[0], 99.0))
    path.write_bytes(wrong.encode())
    report = replay(copy, current(copy, tmp_path))
    assert not report.ok
    assert report.replayed[0].differences[0].startswith("predictions[1]: expected 99.0")


def test_a_bundle_from_elsewhere_needs_trust(copy, home, tmp_path, monkeypatch):
    monkeypatch.setenv("BUNDLE_HOME", str(home))
    with pytest.raises(NotTrusted, match="not trusted"):
        replay(copy, current(copy, tmp_path))
    assert replay(copy, current(copy, tmp_path), is_trusted=True).ok


def test_bundles_differ_in_what_was_changed_and_in_nothing_else(built, original, tmp_path):
    store = original[1]
    modelbundle.save("line", fit(slope=3.0), sample=SAMPLE, store=store)
    (tmp_path / "bundlefile.yaml").write_text(BUNDLEFILE + "serve: {workers: 2}\n")
    for path in ("helper.py", "bundle.lock"):
        (tmp_path / path).write_bytes((built.plan.locked.path.parent / path).read_bytes())
    other = build(tmp_path, store=store)
    before = Contents.of_item(built.item, store)
    found = diff(before, Contents.of_item(other.item, store))
    assert [change.what for change in found.models] == ["line"]
    assert [(c.what, c.before, c.after) for c in found.settings] == [("serve.workers", "auto", 2)]
    assert not found.packages
    assert not found.routes
    assert "models/line/model.json" in {change.what for change in found.files}
    assert "src/helper.py" not in {change.what for change in found.files}


def test_models_are_compared_too(own_store):
    one = modelbundle.save("line", fit(), labels={"team": "a"})
    two = modelbundle.save("line", fit(), labels={"team": "b"})
    found = diff(Contents.of_item(one, own_store), Contents.of_item(two, own_store))
    assert [(c.what, c.before, c.after) for c in found.settings] == [("labels.team", "a", "b")]


def test_a_replay_that_dies_says_of_what(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho stack of threads >&2\nkill -SEGV $$\n")
    python.chmod(0o755)
    with pytest.raises(BundleError, match="killed by SIGSEGV: a model") as caught:
        replay(tmp_path, Environment(python, "given", is_current=False))
    assert "bundle serve" in caught.value.hint
