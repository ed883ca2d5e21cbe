"""A model file is told by its content, kept as it is, and never run by being saved."""

import json
import os
import pickle
import sys
import warnings
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest

import modelbundle
from modelbundle.bundler.errors import InvalidSource
from modelbundle.bundler.saving import saving
from modelbundle.bundler.saving.saving import SaveOptions
from modelbundle.bundler.store import Store
from modelbundle.runtime.errors import InvalidModel, NotTrusted
from modelbundle.runtime.frameworks import registry
from modelbundle.runtime.manifests.model_manifest import ModelManifest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import trained  # noqa: E402

sys.path.remove(str(HERE))


def manifest_of(item):
    return ModelManifest.read(Store.default().directory(item))


@pytest.fixture
def canary(tmp_path):
    """A pickle file whose loading makes the directory `fired`."""

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "fired"),)

    path = tmp_path / "canary.pkl"
    joblib.dump({"model": Evil()}, path)
    return path


def test_a_pickle_file_is_saved_and_shown_without_being_run(canary, tmp_path):
    item = saving.save_file("canary", canary)
    manifest = manifest_of(item)
    assert manifest.globals == {"model.pkl": ("posix.mkdir",)}
    assert manifest.executes_code
    assert not Store.default().trust.is_trusted(item.digest)
    assert canary.read_bytes() == (Store.default().directory(item) / "model.pkl").read_bytes()
    with pytest.raises(NotTrusted):
        modelbundle.load(item.tag)
    with pytest.raises(NotTrusted):
        saving.save_file("canary", canary, SaveOptions(sample=[[1]]))
    assert not (tmp_path / "fired").exists()


def test_a_torchscript_that_writes_files_is_saved_without_being_run(tmp_path):
    import torch

    class Writes(torch.nn.Module):
        @torch.jit.export
        def __getstate__(self):
            return self.training

        @torch.jit.export
        def __setstate__(self, state: bool):
            torch.save(torch.ones(1), "fired")
            self.training = state

        def forward(self, x: torch.Tensor):
            return x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(Writes()), tmp_path / "writes.pt")
    item = saving.save_file("writes", tmp_path / "writes.pt")
    with pytest.raises(NotTrusted):
        modelbundle.load(item.tag)
    assert item.executes_code
    assert not Path("fired").exists()


def test_a_live_object_is_trusted_here_and_a_file_only_when_vouched_for(tmp_path):
    model, sample = trained.sklearn_classifier()
    live = modelbundle.save("live", model, sample=sample)
    assert Store.default().trust.is_trusted(live.digest)
    joblib.dump(model, tmp_path / "m.joblib")
    vouched = saving.save_file("f", tmp_path / "m.joblib", SaveOptions(sample=sample, trust=True))
    assert Store.default().trust.is_trusted(vouched.digest)
    assert list(manifest_of(vouched).samples) == ["predict", "predict_proba"]
    assert modelbundle.load("f").predict(sample).tolist() == model.predict(sample).tolist()


def files(tmp_path):
    """One file of each kind, with what it is."""
    import pickle

    import torch

    booster, _ = trained.xgboost_booster()
    booster.save_model(tmp_path / "x.ubj")
    booster.save_model(tmp_path / "x.json")
    yield "x.ubj", "xgboost", "ubj"
    yield "x.json", "xgboost", "json"
    (tmp_path / "xb.pkl").write_bytes(pickle.dumps(booster))
    yield "xb.pkl", "xgboost", "pickle"
    trained.lightgbm_booster()[0].save_model(tmp_path / "l.txt")
    yield "l.txt", "lightgbm", "text"
    model = trained.sklearn_classifier()[0]
    (tmp_path / "s.pkl").write_bytes(pickle.dumps(model))
    yield "s.pkl", "sklearn", "pickle"
    joblib.dump(model, tmp_path / "s.joblib", compress=3)
    yield "s.joblib", "sklearn", "joblib"
    (tmp_path / "w.pkl").write_bytes(pickle.dumps(trained.xgboost_classifier()[0]))
    yield "w.pkl", "sklearn", "pickle"
    (tmp_path / "o.onnx").write_bytes(trained.onnx_two_inputs()[0].SerializeToString())
    yield "o.onnx", "onnx", "onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(trained.torch_script()[0], tmp_path / "t.pt")
    yield "t.pt", "torch", "torchscript"
    torch.export.save(trained.torch_exported()[0], tmp_path / "e.pt2")
    yield "e.pt2", "torch", "pt2"
    torch.save(trained.torch_mlp()[0], tmp_path / "m.pt")
    yield "m.pt", "torch", "pickle"
    (tmp_path / "g.pkl").write_bytes(pickle.dumps(np.mean))
    yield "g.pkl", "generic", "pickle"


def test_files_are_told_by_content_and_kept_byte_for_byte(tmp_path):
    for file, framework, kind in files(tmp_path):
        item = saving.save_source("m", str(tmp_path / file), SaveOptions(trust=file == "m.pt"))
        manifest = manifest_of(item)
        assert (manifest.framework, manifest.format) == (framework, kind), file
        (entry,) = manifest.files
        stored = Store.default().directory(item) / entry.path
        assert stored.read_bytes() == (tmp_path / file).read_bytes()
        loaded = modelbundle.load(item.tag, trust=True)
        assert manifest.default_method in registry.load(manifest.loader).methods(loaded)


@pytest.mark.parametrize("kind", [str, Path])
def test_python_saves_a_file_by_its_path(tmp_path, kind):
    path = tmp_path / "scaler.pkl"
    path.write_bytes(pickle.dumps(trained.sklearn_transformer()[0]))
    by_path = modelbundle.save("by_path", kind(path))
    assert manifest_of(by_path).framework == "sklearn"
    assert by_path.digest == saving.save_file("m", path).digest


def test_renamed_files_are_refused_never_loaded_as_what_they_are_called(tmp_path, canary):
    for suffix in (".safetensors", ".onnx", ".ubj", ".pt2"):
        path = tmp_path / f"renamed{suffix}"
        path.write_bytes(canary.read_bytes())
        with pytest.raises(InvalidSource, match="its content is generic"):
            saving.save_file("m", path)
    assert not (tmp_path / "fired").exists()


def test_weights_alone_are_refused_with_the_way_out(tmp_path):
    import torch
    from safetensors.torch import save_file

    net, _ = trained.torch_mlp()
    torch.save(net.state_dict(), tmp_path / "w.pt")
    torch.save({"epoch": 3, "model": net.state_dict()}, tmp_path / "c.pt")
    save_file(net.state_dict(), tmp_path / "w.safetensors")
    for file in ("w.pt", "c.pt", "w.safetensors"):
        with pytest.raises(InvalidSource, match="weights alone") as caught:
            saving.save_file("m", tmp_path / file)
        assert "module:attribute" in caught.value.hint


@pytest.mark.parametrize(
    "content", [b"", b"\x80", b"{", b"\x08\x01", b"PK\x03\x04", b"hello", b"tree"]
)
def test_what_is_no_model_is_refused(tmp_path, content):
    (tmp_path / "m.bin").write_bytes(content)
    with pytest.raises(InvalidSource):
        saving.save_file("m", tmp_path / "m.bin")


def mlflow(tmp_path, flavors):
    directory = tmp_path / "mlmodel"
    directory.mkdir()
    (directory / "MLmodel").write_text(json.dumps({"flavors": flavors}))
    return directory


def test_an_mlflow_directory_is_unwrapped_when_its_file_is_known(tmp_path):
    directory = mlflow(tmp_path, {"sklearn": {"pickled_model": "model.pkl"}, "python_function": {}})
    (directory / "model.pkl").write_bytes(pickle.dumps(trained.sklearn_transformer()[0]))
    assert saving.save_source("m", str(directory)).framework == "sklearn"


@pytest.mark.parametrize(
    ("flavors", "message"),
    [
        ({"prophet": {}}, "flavors 'prophet'"),
        ({"onnx": {"data": "../x.onnx"}}, "outside of itself"),
    ],
)
def test_an_mlflow_directory_is_refused_with_a_reason(tmp_path, flavors, message):
    with pytest.raises(InvalidSource, match=message):
        saving.save_file("m", mlflow(tmp_path, flavors))
    with pytest.raises(InvalidSource, match="no model of a tool"):
        saving.save_file("m", tmp_path)


def external(tmp_path, location):
    import onnx
    from onnx import numpy_helper

    model, _ = trained.onnx_two_inputs()
    weights = numpy_helper.from_array(np.ones((1, 2), "float32"), "y")
    model.graph.initializer.append(weights)
    del model.graph.input[1]
    onnx.save(
        model,
        tmp_path / "big.onnx",
        save_as_external_data=True,
        location="big.data",
        size_threshold=0,
    )
    model = onnx.load(tmp_path / "big.onnx", load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    (tmp_path / "big.onnx").write_bytes(model.SerializeToString())
    return tmp_path / "big.onnx"


def test_weights_beside_an_onnx_file_come_along(tmp_path):
    item = saving.save_file(
        "m", external(tmp_path, "big.data"), SaveOptions(sample=trained.rows[:4, :2])
    )
    assert [entry.path for entry in manifest_of(item).files][:2] == ["big.data", "model.onnx"]
    assert modelbundle.load(item.tag)


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "a/b", ".."])
def test_an_onnx_file_reads_nothing_outside_its_directory(tmp_path, location):
    with pytest.raises(InvalidModel, match="outside its directory"):
        saving.save_file("m", external(tmp_path, location))


def test_an_onnx_file_follows_no_link(tmp_path):
    path = external(tmp_path, "big.data")
    (tmp_path / "big.data").rename(tmp_path / "real")
    (tmp_path / "big.data").symlink_to("real")
    with pytest.raises(InvalidModel, match="which is a link"):
        saving.save_file("m", path)
    (tmp_path / "big.data").unlink()
    (tmp_path / "big.data").hardlink_to(tmp_path / "real")
    with pytest.raises(InvalidModel, match="a hard link"):
        saving.save_file("m", path)
    (tmp_path / "big.data").unlink()
    os.mkfifo(tmp_path / "big.data")
    with pytest.raises(InvalidModel, match="which is a folder, a pipe or a device"):
        saving.save_file("m", path)


@pytest.mark.parametrize("write", [lambda m, p: p.write_bytes(pickle.dumps(m)), joblib.dump])
def test_a_pickle_that_breaks_off_is_refused_when_it_is_saved(tmp_path, write):
    from sklearn.linear_model import LogisticRegression

    rows = np.random.default_rng(0).random((40, 3))
    whole = tmp_path / "whole.pkl"
    write(LogisticRegression().fit(rows, rows[:, 0] > 0.5), whole)
    data = whole.read_bytes()
    assert saving.save_file("whole", whole)
    for length in (len(data) - 1, len(data) - 20, len(data) // 2):
        cut = tmp_path / "cut.pkl"
        cut.write_bytes(data[:length])
        with pytest.raises(InvalidSource, match=r"ends in the middle|not a model file"):
            saving.save_file("cut", cut)


def test_a_python_file_asks_for_the_variable_in_it(tmp_path):
    (tmp_path / "train.py").write_text("model = 1\n")
    with pytest.raises(InvalidSource, match="not a model file") as caught:
        saving.save_file("train", tmp_path / "train.py")
    assert "`train:model`" in caught.value.hint


def test_a_large_compressed_pickle_is_not_taken_for_one_that_breaks_off(tmp_path, monkeypatch):
    from modelbundle.runtime.pickles import scanning

    monkeypatch.setattr(scanning, "Effort", partial(scanning.Effort, unpacked=4096))
    joblib.dump({"sklearn": np.random.default_rng(0).random(5000)}, tmp_path / "m.gz", compress=3)
    seen = scanning.scan(tmp_path / "m.gz")
    assert not seen.complete
    assert not seen.is_cut
