"""Exported programs: under a policy, their sizes are arithmetic, and they bring no libraries."""

import json
import os
import zipfile

import pytest
import torch

from modelbundle.runtime.errors import NotTrusted
from modelbundle.runtime.frameworks.pytorch import program as torch_program
from modelbundle.runtime.frameworks.torch import Torch
from modelbundle.runtime.pickles.policy import Policy

STARS = Policy("allow-listed", frozenset({"torch.*"}))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A program whose answer has twice as many rows as it was given."""

    class Twice(torch.nn.Module):
        def forward(self, x):
            return x.reshape(x.shape[0] * 2, -1)

    path = tmp_path_factory.mktemp("exported") / "model.pt2"
    sizes = {"x": {0: torch.export.Dim("rows", min=2, max=64)}}
    torch.export.save(torch.export.export(Twice(), (torch.ones(4, 4),), dynamic_shapes=sizes), path)
    return path


def changed(source, path, replace=None, add=None):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if replace and name.endswith("models/model.json"):
                data = json.dumps(json.loads(data, object_hook=replace)).encode()
            new.writestr(name, data)
        if add:
            new.writestr(*add)


def test_a_program_with_sizes_loads(exported):
    model = Torch().load(exported.parent, "pt2", {}, "cpu", STARS)
    assert model(torch.ones(3, 4)).shape == (6, 2)


@pytest.mark.parametrize("policy", [STARS, Policy("allow-listed"), Policy("deny"), Policy()])
def test_a_size_is_no_program(exported, tmp_path, policy):
    import sympy  # noqa: F401  what it imports is counted

    canary = tmp_path / "canary"
    place = ().__class__.__base__.__subclasses__().index(os._wrap_close)
    way = f"().__class__.__base__.__subclasses__()[{place}].__init__.__globals__"
    program = f"{way}['system']('touch {canary}')"

    def replace(part):
        is_product = str(part.get("expr_str", "")).startswith("Mul")
        return part | ({"expr_str": program} if is_product else {})

    changed(exported, tmp_path / "model.pt2", replace)
    said = None if policy.mode == "allow" else "may run code"
    with pytest.raises(Exception, match=said) as caught:
        Torch().load(tmp_path, "pt2", {}, "cpu", policy)
    assert canary.exists() is (policy.mode == "allow"), "it is no attack"
    assert isinstance(caught.value, NotTrusted) is (policy.mode != "allow")


def gives_an_input_a_default(program):
    """The names of inputs are part of the source of `forward`."""
    named = f"x={program}"
    return lambda part: {
        named if key == "x" else key: named if value == "x" else value
        for key, value in part.items()
    }


def guards_an_input(program):
    return lambda part: part | ({"guards_code": [program]} if "guards_code" in part else {})


@pytest.mark.parametrize("attack", [gives_an_input_a_default, guards_an_input])
@pytest.mark.parametrize("policy", [STARS, Policy()])
def test_neither_is_a_name_or_a_guard(exported, tmp_path, policy, attack):
    canary = tmp_path / "canary"
    program = f"__import__('os').system('touch {canary}')"
    changed(exported, tmp_path / "model.pt2", attack(program))

    said = None if policy.mode == "allow" else "may run code"
    with pytest.raises(Exception, match=said):
        Torch().load(tmp_path, "pt2", {}, "cpu", policy)(torch.ones(4, 4))
    assert canary.exists() is (policy.mode == "allow"), "it is no attack"


@pytest.mark.parametrize(
    "name",
    [
        "m/data/aotinductor/model/a.so",
        "m/data/constants/Custom_Obj_0",
        "m/models/b.json",
        "m/data/constants/opaque_obj_0",
        "m/data/weights/b.pt",
    ],
)
def test_what_is_neither_graph_nor_tensor_is_refused(exported, tmp_path, name):
    changed(exported, tmp_path / "m.pt2", add=(name, b"{"))
    with pytest.raises(NotTrusted, match="may run code of its own"):
        torch_program.check(tmp_path / "m.pt2")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_one_that_is_damaged_is_refused(tmp_path, method):
    path = tmp_path / "model.pt2"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("models/model.json", json.dumps(list(range(999))))
    data = bytearray(path.read_bytes())
    data[60:90] = bytes([255]) * 30
    path.write_bytes(data)

    with pytest.raises(NotTrusted, match="cannot be read to its end"):
        torch_program.check(path)
