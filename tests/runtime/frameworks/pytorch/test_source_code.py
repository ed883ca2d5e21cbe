"""The author's own torch classes: weights and source, and no pickle."""

import importlib
import json
import os
import shutil
import subprocess
import sys

import pytest
import torch

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.errors import InvalidModel
from modelbundle.runtime.manifests.model_manifest import ModelManifest
from modelbundle.runtime.models.model import LoadedModel
from modelbundle.runtime.pickles.policy import Policy

NET = """
import torch
from torch import nn

from tc_parts import scaled


class Net(nn.Module):
    def __init__(self, width=4, depth=1):
        super().__init__()
        self.width = width
        self.inner = nn.Sequential(nn.Linear(3, width), nn.ReLU())
        self.last = nn.Linear(width, 2)

    def forward(self, x):
        return scaled(self.last(self.inner(x)))
"""
PARTS = "FACTOR = {factor}\n\ndef scaled(x):\n    return x * FACTOR\n"
SAMPLE = torch.ones(2, 3)


@pytest.fixture
def author(tmp_path, monkeypatch):
    """Write an author's modules, import one, and forget them when another writes."""
    written = []

    def forget():
        for name in written:
            sys.modules.pop(name, None)
        written.clear()

    def write(root="own", name="tc_net", **modules):
        forget()
        directory = tmp_path / root
        directory.mkdir(exist_ok=True)
        for module, text in modules.items():
            (directory / f"{module}.py").write_text(text)
        written.extend(modules)
        importlib.invalidate_caches()
        monkeypatch.setattr(sys, "path", [str(directory), *sys.path])
        torch.manual_seed(0)
        return importlib.import_module(name)

    yield write
    forget()


def saved(item):
    directory = Store.default().directory(item)
    return directory, ModelManifest.read(directory)


def test_an_own_class_is_weights_and_source_without_a_pickle(author):
    net = author(tc_net=NET, tc_parts=PARTS.format(factor=2)).Net(width=5).eval()
    directory, manifest = saved(modelbundle.save("m", net, sample=SAMPLE))
    assert (manifest.format, manifest.executes_code) == ("safetensors", True)
    assert manifest.code == ("code/tc_net.py", "code/tc_parts.py")
    assert manifest.globals == {}
    assert manifest.options["recipe"] == {"class": "tc_net:Net", "init": {"width": 5}}
    assert (directory / "code" / "tc_net.py").read_text() == NET
    assert Store.default().trust.is_trusted(Store.default().find("m").digest)
    loaded = LoadedModel.load(directory, policy=Policy("deny"))
    assert loaded.call("predict", SAMPLE.numpy()).tolist() == net(SAMPLE).tolist()


def test_it_loads_where_the_files_are_not(author, tmp_path):
    net = author(tc_net=NET, tc_parts=PARTS.format(factor=2)).Net().eval()
    item = modelbundle.save("m", net, sample=SAMPLE)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "tc_net.py").write_text("raise SystemExit('not this one')")
    code = f"import modelbundle, torch\nprint(modelbundle.load({item.tag!r})(torch.ones(1, 3)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=False, cwd=tmp_path / "elsewhere",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "tensor" in done.stdout
    directory = Store.default().directory(item)
    assert not [path for path in directory.rglob("*") if path.suffix == ".pyc"]
    assert modelbundle.bundler.store.Store.default().verify() == []


def test_two_models_with_different_files_of_one_name_are_loaded_at_once(author):
    nets, items = [], []
    for factor in (2, 3):
        # In folders of their own: to Python's cache files of one second and size are the same.
        module = author(f"of{factor}", tc_net=NET, tc_parts=PARTS.format(factor=factor))
        nets.append(module.Net().eval())
        items.append(modelbundle.save(f"m{factor}", nets[-1], sample=SAMPLE))
    answers = [modelbundle.load(item.tag)(SAMPLE) for item in items]
    assert torch.allclose(answers[0] * 3, answers[1] * 2)
    assert torch.equal(answers[0], nets[0](SAMPLE))


def test_the_same_files_in_another_directory_have_the_same_digest(author):
    digests = set()
    for root in ("one", "two"):
        module = author(root, tc_net=NET, tc_parts=PARTS.format(factor=2))
        digests.add(modelbundle.save("m", module.Net()).digest)
    assert len(digests) == 1


def test_a_loaded_model_is_saved_again_as_the_same(author):
    net = author(tc_net=NET, tc_parts=PARTS.format(factor=2)).Net()
    item = modelbundle.save("m", net, sample=SAMPLE)
    for name in ("tc_net", "tc_parts"):
        del sys.modules[name]
    assert modelbundle.save("again", modelbundle.load("m"), sample=SAMPLE).digest == item.digest


def test_own_classes_inside_a_sequential_travel_too(author):
    net = author(tc_net=NET, tc_parts=PARTS.format(factor=2)).Net()
    whole = torch.nn.Sequential(torch.nn.Linear(3, 3), net)
    _, manifest = saved(modelbundle.save("m", whole, sample=SAMPLE))
    assert manifest.code == ("code/tc_net.py", "code/tc_parts.py")
    assert manifest.packages.keys() >= {"torch", "safetensors"}


PLAIN = "from torch import nn\n\nclass Net(nn.Linear):\n    pass\n"
STAYS = {
    "importing it trains": PLAIN + "model = Net(3, 2)\n",
    "it needs a file beside it": PLAIN
    + "import pathlib\npathlib.Path(__file__ + '.txt').read_text()\n",
    "it counts how often it is imported": PLAIN
    + "import builtins\nassert not hasattr(builtins, 'tc')\nbuiltins.tc = 1\n",
    "its arguments are not kept": "from torch import nn\n\nclass Net(nn.Linear):\n"
    "    def __init__(self, a, b, *, hidden='x'):\n        super().__init__(a, b)\n",
}


@pytest.mark.parametrize("text", STAYS.values(), ids=STAYS)
def test_what_cannot_travel_as_source_stays_a_pickle_and_says_why(author, tmp_path, text):
    import builtins

    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "tc_net.py.txt").touch()
    net = author(tc_net=text).Net(3, 2)
    (tmp_path / "own" / "tc_net.py.txt").unlink()
    steps = []

    class Told(modelbundle.bundler.progress.NullProgress):
        def step(self, text):
            steps.append(text)

    try:
        directory, manifest = saved(modelbundle.save("m", net, sample=SAMPLE, progress=Told()))
    finally:
        vars(builtins).pop("tc", None)
    assert (manifest.format, manifest.code) == ("skeleton", ())
    assert "kept as a pickle" in steps[-1]
    assert not (directory / "code").exists()


def test_a_file_that_changed_since_its_import_is_not_taken_for_the_class(author, tmp_path):
    net = author(tc_net=NET, tc_parts=PARTS.format(factor=2)).Net()
    changed = NET.replace("nn.Linear(width, 2)", "nn.Linear(width, 9)")
    (tmp_path / "own" / "tc_net.py").write_text(changed)
    assert saved(modelbundle.save("m", net, sample=SAMPLE))[1].format == "skeleton"


def test_a_class_of_the_running_script_is_a_pickle(tmp_path):
    script = (
        "import modelbundle, torch\n"
        "class Net(torch.nn.Linear):\n    pass\n"
        "item = modelbundle.save('m', Net(3, 2), sample=torch.ones(2, 3))\n"
    )
    (tmp_path / "script.py").write_text(script)
    subprocess.run([sys.executable, "script.py"], check=True, cwd=tmp_path, env=dict(os.environ))
    assert saved(Store.default().find("m"))[1].format == "skeleton"


def test_an_init_that_does_not_make_the_class_is_said(author):
    net = author(tc_net=NET, tc_parts=PARTS.format(factor=2)).Net()
    with pytest.raises(InvalidModel, match="cannot be made with `init`: TypeError"):
        modelbundle.save("m", net, options={"init": {"gone": 1}})


@pytest.mark.parametrize(
    "recipe",
    [
        {"class": "a_hub:Model", "init": {"name": "evil/model", "trust_remote_code": True}},
        {"class": "torch.nn:ModuleList", "children": [["0", {"class": "a_hub:Model", "init": {}}]]},
        {"class": "torch.nn_others:Model", "init": {}},
        {"class": 3}, [], None,
    ],
)  # fmt: skip
def test_who_makes_objects_of_other_libraries_runs_code(tmp_path, recipe):
    """Those of some take the name of a model on a hub, and run what it brings."""
    directory, manifest = saved(modelbundle.save("m", torch.nn.Linear(2, 1)))
    assert not manifest.executes_code
    shutil.copytree(directory, tmp_path / "copy")
    data = json.loads((directory / "model.json").read_text())
    data["io.modelbundle.model.v1"]["options"]["recipe"] = recipe
    (tmp_path / "copy" / "model.json").unlink()
    (tmp_path / "copy" / "model.json").write_text(json.dumps(data))
    with pytest.raises(InvalidModel, match="which is not so"):
        LoadedModel.load(tmp_path / "copy")


def test_a_model_that_claims_to_run_nothing_is_held_to_it(author, tmp_path):
    net = author(tc_net=NET, tc_parts=PARTS.format(factor=2)).Net()
    for model in (net, len):
        directory = tmp_path / type(model).__name__
        shutil.copytree(saved(modelbundle.save("m", model))[0], directory)
        data = json.loads((directory / "model.json").read_text())
        data["io.modelbundle.model.v1"]["executes_code"] = False
        (directory / "model.json").unlink()
        (directory / "model.json").write_text(json.dumps(data))
        with pytest.raises(InvalidModel, match="which is not so"):
            LoadedModel.load(directory)
