"""A model that computes otherwise than it was saved, through the same door as any other."""

import logging
import shutil

import numpy as np
import pytest

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.data.samples import Samples
from modelbundle.runtime.errors import InvalidModel
from modelbundle.runtime.manifests.signature import Field, Side
from modelbundle.runtime.manifests.tuning import Tuning
from modelbundle.runtime.models.model import LoadedModel
from modelbundle.runtime.models.tuned import as_signed

ROWS = np.random.default_rng(0).standard_normal((6, 12)).astype("float32")
HAS_COMPILER = shutil.which("g++") is not None


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(12, 32), torch.nn.BatchNorm1d(32), torch.nn.ReLU(), torch.nn.Linear(32, 3)
    ).eval()
    store = Store(tmp_path_factory.mktemp("store"))
    return store.directory(modelbundle.save("net", net, sample=ROWS[:4], store=store))


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "float32"])
def test_another_precision_answers_nearly_the_same_in_the_same_dtype(directory, precision):
    import torch

    plain = LoadedModel.load(directory)
    tuning = Tuning(precision)
    tuned = LoadedModel.load(directory, tuning=tuning)
    assert next(tuned.object.parameters()).dtype == getattr(torch, precision)
    answer, expected = tuned.call("predict", ROWS), plain.call("predict", ROWS)
    assert answer.dtype == expected.dtype == np.float32
    assert np.array_equal(answer, expected) == (precision == "float32")
    samples = Samples.read(directory / "samples/predict.json").loosened(tuning.tolerance)
    got = tuned.call("predict", np.array(samples.inputs, "float32")).tolist()
    assert not samples.differences(got)
    assert (samples.largest_difference(got) < 1e-5) == (precision == "float32")


def test_a_file_is_never_written_to_by_what_is_loaded_from_it(directory):
    import torch

    before = (directory / "model.safetensors").read_bytes()
    net = LoadedModel.load(directory).object
    net.train()
    with torch.no_grad():
        net(torch.ones(8, 12))  # moves the running statistics
        next(net.parameters()).add_(1)
    assert (directory / "model.safetensors").read_bytes() == before
    assert next(LoadedModel.load(directory).object.parameters()).sum() != (
        next(net.parameters()).sum()
    )


@pytest.mark.skipif(not HAS_COMPILER, reason="there is no g++ to compile with")
@pytest.mark.filterwarnings("default::DeprecationWarning")  # torch's own, of itself
@pytest.mark.parametrize("mode", [True, "reduce-overhead"])
def test_a_compiled_model_is_ready_when_it_is_loaded_and_answers_the_same(directory, mode, caplog):
    import torch

    plain = LoadedModel.load(directory)
    with caplog.at_level(logging.INFO):
        tuned = LoadedModel.load(directory, tuning=Tuning(None, mode, rows=6))
    assert f"Compiled `{directory.name}.predict`" in caplog.text
    with torch._dynamo.config.patch(error_on_recompile=True):
        for rows in (1, 2, 3, 5, 6):
            answer = tuned.call("predict", ROWS[:rows])
            assert answer.shape == (rows, 3)
            assert np.allclose(answer, plain.call("predict", ROWS[:rows]), rtol=1e-3, atol=1e-5)


def test_without_a_compiler_the_model_says_so_when_it_is_loaded(directory, monkeypatch):
    monkeypatch.setenv("CXX", "/nowhere/g++")
    with pytest.raises(InvalidModel, match="there is no `/nowhere/g\\+\\+`") as caught:
        LoadedModel.load(directory, tuning=Tuning(None, True))
    assert "take `compile` out" in caught.value.hint


def test_only_torch_models_can_be_tuned():
    from sklearn.dummy import DummyRegressor

    item = modelbundle.save("m", DummyRegressor().fit([[1]], [1]), sample=[[1.0]])
    with pytest.raises(InvalidModel, match="`precision` is for torch models; this one is of skl"):
        LoadedModel.load(Store.default().directory(item), tuning=Tuning("float16"))


def test_answers_get_the_dtypes_of_the_signature_and_nothing_else_does():
    one = Side("array", (Field("y", "float64", (None,)),))
    assert as_signed(one, np.ones(2, "float32")).dtype == np.float64
    assert as_signed(one, np.ones(2, "int64")).dtype == np.int64
    two = Side("tensors", (Field("a", "float64", (None,)), Field("b", "int64", (None,))))
    pair = as_signed(two, (np.ones(2, "float16"), np.ones(2, "float16")))
    assert [part.dtype for part in pair] == [np.float64, np.float16]
    named = as_signed(two, {"a": np.ones(2, "float16"), "c": np.ones(2, "float16")})
    assert [part.dtype for part in named.values()] == [np.float64, np.float16]
    assert as_signed(one, ["text"]) == ["text"]
