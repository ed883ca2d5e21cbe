"""Saving and loading again, over every library."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

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
from modelbundle.runtime.errors import InvalidModel, MissingFramework
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
