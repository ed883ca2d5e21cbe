"""Operators of an author's own go along with the exported program that calls them."""

import json
import subprocess
import sys
from textwrap import dedent

import pytest

from modelbundle.runtime.errors import InvalidModel
from modelbundle.runtime.frameworks.pytorch import operators

NEW = """
    import torch
    from helper import FACTOR

    @torch.library.custom_op("acme_new::scaled", mutates_args=())
    def scaled(x: torch.Tensor) -> torch.Tensor:
        return x * FACTOR

    @scaled.register_fake
    def _(x):
        return torch.empty_like(x)
"""
OLD = """
    import torch
    from helper import FACTOR

    library = torch.library.Library("acme_old", "DEF")
    library.define("scaled(Tensor x) -> Tensor")
    library.impl("scaled", lambda x: x * FACTOR, "CompositeExplicitAutograd")

    @torch.library.register_fake("acme_old::scaled")
    def _(x):
        return torch.empty_like(x)
"""
NET = """
    class {name}(torch.nn.Module):
        def forward(self, rows):
            return torch.ops.{namespace}.scaled(rows) + 1
"""
TRAIN = """
    import torch, modelbundle
    import new_ops, old_ops
    {nets}
    rows = torch.ones(2, 3)
    new, old = (torch.export.export(net, (rows,)) for net in (New(), Old()))
    modelbundle.save("new", new, sample=rows)
    modelbundle.save("old", old, sample=rows)
    print(modelbundle.save("unasked", new).digest)
"""
SCRIPT = """
    import modelbundle
    {source}
    {net}
    modelbundle.save("m", torch.export.export(New(), (torch.ones(2, 3),)))
"""
SERVE = """
    import json
    import numpy as np
    from modelbundle.bundler.store import Store
    from modelbundle.runtime.manifests.model_manifest import ModelManifest
    from modelbundle.runtime.models.model import LoadedModel

    store = Store.default()
    places = {name: store.directory(store.find(name, "model")) for name in ("new", "old", "unasked")}
    kept = {name: ModelManifest.read(place) for name, place in places.items()}
    assert kept["unasked"].options == kept["new"].options
    for name in ("new", "old"):
        loaded = LoadedModel.load(places[name])
        print(json.dumps(loaded.call("predict", np.ones((2, 3), "float32")).tolist()))
"""


def run(script, folder):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", dedent(script)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip(), done.stderr


def test_another_process_without_the_authors_modules_answers(tmp_path):
    """By either way to register an operator; what a sample tells is not needed for it."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / "new_ops.py").write_text(dedent(NEW))
    (home / "old_ops.py").write_text(dedent(OLD))
    (home / "helper.py").write_text("FACTOR = 3\n")
    nets = NET.format(name="New", namespace="acme_new") + NET.format(
        name="Old", namespace="acme_old"
    )

    told, fault = run(TRAIN.format(nets=nets), home)
    assert told, fault
    answers, fault = run(SERVE, elsewhere)
    assert answers, fault
    assert [json.loads(answer) for answer in answers.splitlines()] == [[[4.0] * 3] * 2] * 2


def test_an_operator_of_the_script_itself_is_refused(tmp_path):
    (tmp_path / "helper.py").write_text("FACTOR = 3\n")
    net = NET.format(name="New", namespace="acme_new")
    script = tmp_path / "train.py"
    script.write_text(dedent(SCRIPT.format(source=NEW, net=net)))

    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)], capture_output=True, text=True, check=False
    )

    assert done.returncode
    assert "the operator `acme_new::scaled`, which this script registers" in done.stderr
    assert "Move what registers it to a module" in done.stderr


@pytest.mark.parametrize("module", ["antigravity", "__main__", "os.path"])
def test_no_module_of_pythons_own_is_imported_for_an_operator(module):
    asked = []
    with pytest.raises(InvalidModel, match="registers no operator"):
        operators.register({"acme::scaled": module}, asked.append)
    assert not asked
