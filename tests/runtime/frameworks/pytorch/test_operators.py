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
TRAIN = """
    import sys, torch, modelbundle
    {imports}

    class Net(torch.nn.Module):
        def forward(self, rows):
            return torch.ops.{namespace}.scaled(rows) + 1

    program = torch.export.export(Net(), (torch.ones(2, 3),))
    print(modelbundle.save("m", program, **({{"sample": torch.ones(2, 3)}} if {sample} else {{}})).digest)
"""
SERVE = """
    import json, sys
    import numpy as np
    from modelbundle.bundler.store import Store
    from modelbundle.runtime.models.model import LoadedModel

    store = Store.default()
    loaded = LoadedModel.load(store.directory(store.find("m", "model")))
    print(json.dumps(loaded.call("predict", np.ones((2, 3), "float32")).tolist()))
"""


def run(script, folder):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", dedent(script)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip(), done.stderr


@pytest.mark.parametrize(
    ("namespace", "source", "sample"),
    [("acme_new", NEW, True), ("acme_new", NEW, False), ("acme_old", OLD, True)],
)
def test_another_process_without_the_authors_modules_answers(tmp_path, namespace, source, sample):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / "ops.py").write_text(dedent(source))
    (home / "helper.py").write_text("FACTOR = 3\n")
    train = TRAIN.format(imports="import ops", namespace=namespace, sample=sample)

    told, fault = run(train, home)
    assert told, fault
    answer, fault = run(SERVE, elsewhere)
    assert answer, fault
    assert json.loads(answer) == [[4.0] * 3] * 2


def test_an_operator_of_the_script_itself_is_refused(tmp_path):
    (tmp_path / "helper.py").write_text("FACTOR = 3\n")
    train = TRAIN.format(imports=NEW, namespace="acme_new", sample=False)
    script = tmp_path / "train.py"
    script.write_text(dedent(NEW) + dedent(train.replace(NEW, "")))

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
