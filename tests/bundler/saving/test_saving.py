"""Saving and loading again, over every library."""

import copy
import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
import warnings
from functools import partial
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pytest

import modelbundle
from modelbundle.bundler.errors import (
    InvalidSource,
    InvalidTag,
    Refused,
    SampleMismatch,
    Unpicklable,
    UnsupportedModel,
)
from modelbundle.bundler.saving import saving
from modelbundle.bundler.saving.saving import SaveOptions
from modelbundle.bundler.store import Store
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.data.samples import Samples
from modelbundle.runtime.errors import InvalidModel, MissingFramework, NotTrusted
from modelbundle.runtime.frameworks import registry
from modelbundle.runtime.manifests.model_manifest import ModelManifest
from modelbundle.runtime.manifests.signature import OBJECTS
from modelbundle.runtime.models.model import LoadedModel

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import trained  # noqa: E402

sys.path.remove(str(HERE))

OWN = '''
import torch
from torch import nn

class Tied(nn.Module):
    """Two layers of one weight, a buffer that is in no state_dict, a lambda and two inputs."""

    def __init__(self, size):
        super().__init__()
        self.inner = nn.ModuleList([nn.Linear(size, size), nn.Linear(size, size)])
        self.inner[1].weight = self.inner[0].weight
        self.register_buffer("shift", torch.arange(size).float(), persistent=False)
        self.activation = lambda x: x.relu()

    def forward(self, left, right):
        mixed = self.activation(self.inner[0](left) + self.inner[1](right))
        return {"mixed": mixed + self.shift, "mean": mixed.mean(1)}
'''


@pytest.fixture(autouse=True)
def own_module(tmp_path, monkeypatch):
    """A package of the author's own, importable while the model is saved."""
    package = tmp_path / "own" / "modelbundle_own"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "net.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(package.parent))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "modelbundle_own"]:
        del sys.modules[name]


def manifest_of(item):
    return ModelManifest.read(Store.default().directory(item))


@pytest.mark.parametrize("name", trained.MODELS)
def test_a_model_answers_the_same_after_saving_and_loading(name):
    """Outputs are equal through the wire's form, for every method that is served."""
    model, sample = trained.MODELS[name]()
    framework = registry.for_model(model)
    assert framework.name == name.partition("_")[0]

    item = modelbundle.save("m", model, sample=sample)

    manifest = manifest_of(item)
    directory = Store.default().directory(item)
    loaded = LoadedModel.load(directory)
    assert set(manifest.samples) == set(manifest.methods)
    for method, path in manifest.samples.items():
        samples = Samples.read(directory / path)
        batch = table.collate(manifest.methods[method].inputs, samples.inputs)
        answer = table.to_instances(loaded.call(method, batch))
        assert samples.differences(answer) == []
        assert len(answer) == len(
            sample["x"]
            if isinstance(sample, dict)
            else sample[0]
            if isinstance(sample, tuple)
            else sample
        )


EXPECTED = {
    "sklearn_classifier": ("pickle", ["predict", "predict_proba"], True),
    "sklearn_transformer": ("pickle", ["transform"], True),
    "xgboost_classifier": ("ubj", ["predict", "predict_proba"], False),
    "xgboost_booster": ("ubj", ["predict"], False),
    "lightgbm_classifier": ("text", ["predict", "predict_proba"], False),
    "torch_mlp": ("safetensors", ["predict"], False),
    "torch_convolution": ("safetensors", ["predict"], False),
    "torch_encoder": ("skeleton", ["predict"], True),
    "torch_own_class": ("skeleton", ["predict"], True),
    "torch_script": ("torchscript", ["predict"], True),
    "torch_exported": ("pt2", ["predict"], True),
    "onnx_two_inputs": ("onnx", ["predict"], False),
    "generic_function": ("pickle", ["predict"], True),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_format_the_methods_and_whether_code_runs_are_recorded(name):
    model, sample = trained.MODELS[name]()
    item = modelbundle.save("m", model, sample=sample)
    manifest = manifest_of(item)
    assert (manifest.format, list(manifest.methods), manifest.executes_code) == EXPECTED[name]
    assert item.executes_code is manifest.executes_code
    assert item.framework == name.partition("_")[0]
    assert "numpy" in manifest.packages
    assert not any("+" in version for version in manifest.packages.values())


def test_the_signature_names_columns_dtypes_and_the_batch_axis():
    model, sample = trained.sklearn_pipeline()
    signature = manifest_of(modelbundle.save("m", model, sample=sample)).methods["predict"]
    columns = [(field.name, field.dtype, field.shape) for field in signature.inputs.fields]
    assert columns == [
        ("a", "float64", (None,)),
        ("b", "float64", (None,)),
        ("c", "float64", (None,)),
        ("city", "str", (None,)),
        ("age", "int64", (None,)),
    ]
    assert signature.outputs.fields[0].dtype == "str"
    assert signature.batchable


def test_a_fixed_batch_of_an_exported_program_stays_fixed():
    model, sample = trained.torch_exported_fixed()
    signature = manifest_of(modelbundle.save("m", model, sample=sample)).methods["predict"]
    assert signature.inputs.fields[0].shape == (4, 3)
    assert not signature.batchable


def test_rows_that_depend_on_each_other_are_never_batched():
    model = lambda batch: batch - batch.mean()  # noqa: E731
    signature = manifest_of(modelbundle.save("m", model, sample=trained.rows[:4])).methods[
        "predict"
    ]
    assert not signature.batchable


def test_answers_that_never_come_again_are_not_recorded():
    model = lambda batch: np.random.random(len(batch))  # noqa: E731, NPY002
    manifest = manifest_of(modelbundle.save("m", model, sample=trained.rows[:4]))
    assert manifest.samples == {}
    assert manifest.methods["predict"].inputs.layout == "array"


@pytest.mark.parametrize(
    ("name", "instances"),
    [
        ("sklearn_classifier", [[1, 2, 3], [0.1, 0.2, 0.3]]),
        ("sklearn_pipeline", [{"a": 1, "b": 2, "c": 3, "city": "Oslo", "age": 3}]),
        ("sklearn_text", ["good film"]),
        ("sklearn_sparse", [["Oslo"], ["Rome"]]),
        ("xgboost_classifier", [[1, 2, 3]]),
        ("xgboost_regressor", [{"a": 1, "age": 3}]),
        ("xgboost_categories", [{"a": 1, "city": "Rome"}]),
        ("lightgbm_classifier", [[1, 2, 3]]),
        ("torch_mlp", [[1, 2, 3]]),
        ("torch_exported", [[1, 2, 3]]),
        ("onnx_classifier", [[1, 2, 3]]),
        ("onnx_two_inputs", [{"x": [1, 2], "y": [3, 4]}]),
        ("generic_object", [{"a": 1}]),
    ],
)
def test_a_model_saved_without_a_sample_still_answers_json(name, instances):
    model, _ = trained.MODELS[name]()
    item = modelbundle.save("m", model)
    manifest = manifest_of(item)
    loaded = LoadedModel.load(Store.default().directory(item))
    for method, signature in manifest.methods.items():
        batch = table.collate(signature.inputs, instances)
        assert len(table.to_instances(loaded.call(method, batch))) == len(instances)


def test_labels_of_a_classifier_survive():
    for make in (trained.lightgbm_classifier, trained.sklearn_classifier):
        model, sample = make()
        loaded = modelbundle.load(modelbundle.save("m", model, sample=sample).tag)
        assert loaded.predict(sample).tolist() == model.predict(sample).tolist()
        assert loaded.classes_.tolist() == model.classes_.tolist()
        assert type(loaded) is type(model)


def test_a_wrapper_keeps_what_its_booster_does_not_know():
    model, sample = trained.xgboost_classifier()
    holes = sample.copy()
    holes[0, 0] = -1.0
    loaded = modelbundle.load(modelbundle.save("m", model).tag)
    assert loaded.missing == -1.0
    assert np.allclose(loaded.predict_proba(holes), model.predict_proba(holes))


SAVE_ALL = """
import sys
sys.path.insert(0, {own!r})
import trained, modelbundle
for name in {names!r}:
    model, sample = trained.MODELS[name]()
    print(name, modelbundle.save("m", model, sample=sample).digest)
"""
# torch.jit.script itself writes a module's constants in the order of their hashes.
DETERMINISTIC = [name for name in trained.MODELS if name != "torch_script"]


def test_the_same_model_has_the_same_digest_in_another_process_place_and_hash_seed(tmp_path):
    """Classes and functions that travel by value included."""
    own = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "own", own)
    shutil.copy(HERE / "trained.py", own)
    script = SAVE_ALL.format(own=str(own), names=DETERMINISTIC)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True, text=True, cwd=own, check=False,
        env=os.environ | {"PYTHONHASHSEED": "1", "BUNDLE_HOME": str(tmp_path / "there")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    here = []
    for name in DETERMINISTIC:
        model, sample = trained.MODELS[name]()
        here.append(f"{name} {modelbundle.save('m', model, sample=sample).digest}")
    assert done.stdout.splitlines() == here


def test_saving_leaves_the_model_as_it_was():
    import torch

    net, sample = trained.torch_mlp()
    net[1].eval()
    before = copy.deepcopy(net.state_dict())
    modes = [part.training for part in net.modules()]
    random = torch.get_rng_state()
    modelbundle.save("m", net, sample=sample)
    assert [part.training for part in net.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_a_torch_class_can_be_named_with_its_arguments(tmp_path):
    (tmp_path / "own" / "plainnet.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, width):\n"
        "        super().__init__()\n"
        "        self.layer = nn.Linear(3, width)\n"
        "    def forward(self, x):\n"
        "        return self.layer(x)\n"
    )
    import plainnet

    net = plainnet.Net(5)
    item = modelbundle.save("m", net, sample=trained.rows[:2], options={"init": {"width": 5}})
    manifest = manifest_of(item)
    assert (manifest.format, manifest.code) == ("safetensors", ("code/plainnet.py",))
    assert manifest.options["recipe"] == {"class": "plainnet:Net", "init": {"width": 5}}
    with pytest.raises(InvalidModel, match="does not have the model's weights"):
        modelbundle.save("m", net, options={"init": {"width": 6}})
    # Without being told, nobody knows the width.
    assert manifest_of(modelbundle.save("m", net)).format == "skeleton"
    del sys.modules["plainnet"]


@pytest.mark.parametrize(
    "kind", ["subprocess:Popen", "antigravity:geohash", "pip.__main__:x", "this:d", "torch:Tensor"]
)
def test_a_tampered_recipe_makes_only_modules(tmp_path, kind):
    model, sample = trained.torch_mlp()
    item = modelbundle.save("m", model, sample=sample)
    directory = tmp_path / "copy"
    shutil.copytree(Store.default().directory(item), directory)
    directory.chmod(0o755)
    text = (directory / "model.json").read_text().replace("torch.nn.modules.linear:Linear", kind)
    (directory / "model.json").unlink()
    (directory / "model.json").write_text(text)
    with pytest.raises(InvalidModel, match="not a torch module"):
        LoadedModel.load(directory)
    assert not {"antigravity", "pip.__main__", "this"} & set(sys.modules)


CODE = """
import os
import pickle
class Evil:
    def __reduce__(self):
        return os.mkdir, ({path!r},)
model = Evil()
"""


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


def test_the_attribute_that_cannot_be_pickled_is_named():
    class Model:
        def __init__(self):
            self.parts = {"lock": threading.Lock()}

        def predict(self, rows):
            return rows

    with pytest.raises(Unpicklable, match=r"`model\.parts\['lock'\]` is a `_thread.lock`"):
        modelbundle.save("m", Model())
    assert Store.default().items("model") == []


def test_a_library_that_writes_the_format_and_is_absent_is_named(monkeypatch):
    import torch

    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(MissingFramework, match="needs `safetensors`, which is not") as caught:
        modelbundle.save("m", torch.nn.Linear(2, 1))
    assert caught.value.hint == "Install it with `pip install 'torch' 'safetensors'`."


@pytest.mark.parametrize("thing", [3, {"a": 1}, ["x", ("y", None)], int, frozenset({1})])
def test_what_nobody_can_call_is_kept_as_an_object(thing):
    item = modelbundle.save("m", thing)
    manifest = manifest_of(item)
    assert (manifest.framework, dict(manifest.methods)) == ("generic", {})
    assert modelbundle.load(item.tag) == thing
    with pytest.raises(InvalidModel, match="no methods"):
        manifest.default_method  # noqa: B018


def test_a_call_on_what_nobody_can_call_is_refused():
    with pytest.raises(UnsupportedModel, match="nothing to call with a sample"):
        modelbundle.save("m", {"a": 1}, sample=[[1]])
    with pytest.raises(UnsupportedModel, match="has no method `predict`"):
        modelbundle.save("m", {"a": 1}, methods=["predict"])
    with pytest.raises(UnsupportedModel, match="None"):
        modelbundle.save("m", None)
    assert Store.default().items("model") == []


def test_a_method_of_another_name_makes_an_object_a_model():
    class Rules:
        def judge(self, rows):
            return [len(rows)] * len(rows)

    manifest = manifest_of(modelbundle.save("m", Rules(), sample=[[1], [2]], methods=["judge"]))
    assert manifest.default_method == "judge"
    assert "judge" in manifest.samples


def test_a_wrong_sample_is_said_in_the_models_own_words():
    model, _ = trained.sklearn_classifier()
    with pytest.raises(SampleMismatch, match="3 features"):
        modelbundle.save("m", model, sample=np.ones((2, 2)))
    assert Store.default().items("model") == []


def test_a_chosen_method_and_signature_stand():
    model, sample = trained.sklearn_classifier()
    manifest = manifest_of(modelbundle.save("m", model, sample=sample, methods=["predict_proba"]))
    assert list(manifest.methods) == ["predict_proba"]
    given = manifest.methods["predict_proba"].to_json()
    given["inputs"]["fields"][0]["name"] = "flower"
    manifest = manifest_of(
        modelbundle.save(
            "m",
            model,
            sample=sample,
            methods=["predict_proba"],
            signatures={"predict_proba": given},
        )
    )
    assert manifest.methods["predict_proba"].inputs.fields[0].name == "flower"


def test_metadata_labels_and_versions_are_checked_before_anything_is_written():
    model, _ = trained.sklearn_transformer()
    with pytest.raises(InvalidSource, match="not JSON"):
        modelbundle.save("m", model, metadata={"a": float("nan")})
    with pytest.raises(InvalidSource, match="label"):
        modelbundle.save("m", model, labels={"a": 1})
    with pytest.raises(InvalidTag):
        modelbundle.save("M M", model)
    modelbundle.save("m", model, version="1")
    with pytest.raises(Refused):
        modelbundle.save("m", model, version="1", metadata={"a": 1})


def test_an_object_of_the_authors_own_module_loads_where_that_module_is_not(tmp_path):
    script = tmp_path / "own" / "train.py"
    script.write_text(
        "from sklearn.preprocessing import FunctionTransformer\n"
        "import rules\n"
        "def double(rows):\n    return rows * rules.FACTOR\n"
        "model = FunctionTransformer(double).fit([[1.0]])\n"
    )
    (script.parent / "rules.py").write_text("FACTOR = 2\n")
    item = saving.save_object(
        "m", saving.model_source.import_object("train:model"), SaveOptions(sample=[[1.0], [2.0]])
    )
    code = f"""
import modelbundle, numpy
print(modelbundle.load({item.tag!r}).transform(numpy.array([[3.0]])))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[[6.]]\n"


def test_without_a_signature_nothing_is_known_and_nothing_is_batched():
    manifest = manifest_of(modelbundle.save("m", len))
    assert manifest.methods["predict"].inputs == OBJECTS
    assert not manifest.methods["predict"].batchable


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


@pytest.mark.parametrize("compiled", ["whole", "in place", "a part"])
def test_a_compiled_module_is_saved_as_what_it_was_made_of_and_is_not_compiled_for_it(compiled):
    import torch

    torch._dynamo.reset()  # else it knows the forward of another Sequential
    compilations = []

    def backend(graph, inputs):
        compilations.append(graph)
        return graph.forward

    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    rows = torch.ones(2, 3)
    expected = module(rows).detach().numpy()
    if compiled == "in place":
        module.compile(backend=backend)
    elif compiled == "whole":
        module = torch.compile(module, backend=backend)
    else:
        module[0] = torch.compile(module[0], backend=backend)
    item = modelbundle.save("m", module, sample=rows)
    assert not compilations
    assert item.executes_code == (compiled == "a part")
    if compiled == "in place":  # where torch leaves a bare Sequential as it is
        assert module._compiled_call_impl is not None
    else:
        module(rows)
        assert compilations
    loaded = LoadedModel.load(Store.default().directory(item))
    assert np.allclose(loaded.call("predict", np.ones((2, 3))), expected, atol=1e-6)


def test_a_program_that_torch_cannot_write_says_what_to_change():
    import torch

    class Answer(NamedTuple):
        score: torch.Tensor

    class Net(torch.nn.Module):
        def forward(self, x):
            return Answer(x * 2)

    program = torch.export.export(Net(), (torch.ones(2, 3),))
    with pytest.raises(InvalidModel, match=r"refuses the program: .*namedtuple") as caught:
        modelbundle.save("m", program)
    assert "tuples, lists and dicts" in caught.value.hint
