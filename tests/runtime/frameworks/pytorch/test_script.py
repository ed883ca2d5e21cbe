"""TorchScript: under a policy, a program opens no file, under whatever name it calls torch."""

import zipfile

import pytest
import torch

from modelbundle.runtime.errors import InvalidModel, NotTrusted
from modelbundle.runtime.frameworks.pytorch import script
from modelbundle.runtime.frameworks.torch import Torch
from modelbundle.runtime.pickles.policy import Policy

NARROW = [Policy("allow-listed", frozenset({"torch.*"})), Policy("deny")]
LAYER = b"torch.nn.modules.linear.Linear"
SAVES = [
    'torch.save(x, "{}")',
    'a = "w"\n    torch.save(x, "{}")',
    't = torch\n    t.save(x, "{}")',
    'o = ops\n    o.aten.save(x, "{}")',
    'getattr(torch, "save")(x, "{}")',
    'getattr(torch, "sa" "ve")(x, "{}")',
    r'getattr(torch, "s\141ve")(x, "{}")',
    """getattr(torch, 'save')(x, "{}")""",
    'getattr(getattr(ops, "aten"), "save")(x, "{}")',
    'torch.\\\n    save(x, "{}")',
    '(torch. # of text\n    save)(x, "{}")',
    'x = torch.add(x, torch.from_file("{}", True, 2))',
]


pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*TorchScript archive:UserWarning"),
]


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.classes, self.layers = ["a'b", '#\n"é'], torch.nn.Sequential(torch.nn.ReLU())

    def forward(self, x):
        assert x.numel() > 0, f"no 'rows' {self.classes[0]} in \\ {x.shape}\n"
        return torch.ops.aten.relu(self.layers(x))


@pytest.fixture(scope="module")
def scripted(tmp_path_factory):
    path = tmp_path_factory.mktemp("scripted") / "model.pt"
    torch.jit.script(Net()).save(path)
    return path


def as_layer(source, path):
    """The same under the name of one of torch's layers, whose pickles ask for nothing else."""
    name = Net.__module__
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.namelist():
            data = old.read(member).replace(f"__torch__.{name}.Net".encode(), LAYER)
            data = data.replace(f"__torch__.{name}\nNet".encode(), LAYER.replace(b"r.L", b"r\nL"))
            place = member.replace("__torch__/" + name.replace(".", "/"), "torch/nn/modules/linear")
            new.writestr(place, data.replace(b"class Net", b"class Linear"))


def changed(source, path, before_return="", add=None):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if before_return and name.endswith(".py") and b"class Net" in data:
                data = data.replace(b"    return ", f"    {before_return}\n    return ".encode())
            if not name.endswith(".debug_pkl"):
                new.writestr(name, data)
        if add:
            new.writestr(*add)


@pytest.mark.parametrize("policy", NARROW)
def test_one_that_computes_is_loaded(scripted, policy):
    assert Torch().load(scripted.parent, "torchscript", {}, "cpu", policy)(torch.ones(2)).sum() == 2


@pytest.mark.parametrize("attack", SAVES)
def test_one_that_opens_a_file_is_not(scripted, tmp_path, attack):
    canary, path = tmp_path / "canary", tmp_path / "model.pt"
    changed(scripted, path, attack.format(canary))
    for policy in NARROW:
        with pytest.raises(NotTrusted, match="more than compute"):
            Torch().load(tmp_path, "torchscript", {}, "cpu", policy)
    torch.jit.load(path)(torch.ones(2))
    assert canary.exists(), "it is no attack"


@pytest.mark.parametrize("is_within", [False, True])
def test_a_program_in_the_place_of_a_pickle_is_not_either(scripted, tmp_path, is_within):
    canary, path = tmp_path / "canary", tmp_path / "model.pt"
    changed(scripted, tmp_path / "changed.pt", f'torch.save(x, "{canary}")')
    as_layer(tmp_path / "changed.pt", path)
    Torch().load(tmp_path, "pickle", {}, "cpu", Policy())(torch.ones(2))
    assert canary.exists(), "it is no attack"
    canary.unlink()
    if is_within:
        with zipfile.ZipFile(tmp_path / "outer.pt", "w") as outer:
            outer.write(path, "model/data/weights.pt")
        (tmp_path / "outer.pt").rename(path)
    narrow = Policy("allow-listed", frozenset({"torch.*", "collections.*"}))
    with pytest.raises(NotTrusted, match="not a pickle that can be read"):
        Torch().load(tmp_path, "pickle", {}, "cpu", narrow)
    assert not canary.exists()


def test_nor_in_the_place_of_weights(scripted, tmp_path):
    """Before torch 2.6, `weights_only` let it run."""
    changed(scripted, tmp_path / "weights.pt")
    with pytest.raises(InvalidModel, match="does not hold weights alone"):
        Torch().load(tmp_path, "weights", {}, "cpu", Policy())


@pytest.mark.parametrize(
    ("member", "data"),
    [
        ("model/model.json", "{}"),
        ("model/code/a.py", "x = __torch__.torch.classes.cuda.Stream"),
        ("model/code/a.py", "x = __torch__.torch"),
        ("model/code/a.PY", "x = ops.c10d.barrier"),
        ("model/b.pkl", "c__torch__.torch.classes.c10d\nProcessGroup\n"),
        ("model/b.pkl", "c__torch__\ntorch.classes.c10d.ProcessGroup\n"),
    ],
)
def test_what_is_not_torchs_own_is_refused(scripted, tmp_path, member, data):
    changed(scripted, tmp_path / "model.pt", add=(member, data))
    with pytest.raises(NotTrusted, match="more than compute"):
        script.check(tmp_path / "model.pt")


def test_what_holds_quantized_weights_is_known(scripted, tmp_path):
    weights = "c__torch__.torch.classes.quantized\nLinearPackedParamsBase\n"
    changed(scripted, tmp_path / "model.pt", add=("model/b.pkl", weights))
    script.check(tmp_path / "model.pt")


def test_one_that_is_damaged_is_refused(scripted, tmp_path):
    (tmp_path / "model.pt").write_bytes(scripted.read_bytes()[:-9])
    with pytest.raises(NotTrusted, match="more than compute"):
        script.check(tmp_path / "model.pt")
