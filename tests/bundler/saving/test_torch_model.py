"""What is special about saving what PyTorch made."""

import copy
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.errors import InvalidModel
from modelbundle.runtime.manifests.model_manifest import ModelManifest
from modelbundle.runtime.models.model import LoadedModel

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import trained  # noqa: E402

sys.path.remove(str(HERE))


def manifest_of(item):
    return ModelManifest.read(Store.default().directory(item))


def test_a_fixed_batch_of_an_exported_program_stays_fixed():
    model, sample = trained.torch_exported_fixed()
    signature = manifest_of(modelbundle.save("m", model, sample=sample)).methods["predict"]
    assert signature.inputs.fields[0].shape == (4, 3)
    assert not signature.batchable


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


def test_a_torch_class_can_be_named_with_its_arguments(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "plainnet.py").write_text(
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
    text = (directory / "model.json").read_text()
    tampered = text.replace("torch.nn.modules.linear:Linear", kind)
    vouched = tampered.replace('"executes_code":false', '"executes_code":true')
    assert vouched != tampered != text
    (directory / "model.json").unlink()
    for text, why in ((tampered, "which is not so"), (vouched, "not a torch module")):
        (directory / "model.json").write_text(text)
        with pytest.raises(InvalidModel, match=why):
            LoadedModel.load(directory)
    assert not {"antigravity", "pip.__main__", "this"} & set(sys.modules)


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
