"""Source inside a model: imported apart from everything else, and never written beside."""

import inspect
import sys

import pytest

from modelbundle.runtime.errors import InvalidModel, NotTrusted
from modelbundle.runtime.frameworks import carried_code
from modelbundle.runtime.frameworks.carried_code import CarriedCode, importer
from modelbundle.runtime.manifests.model_manifest import CODE
from modelbundle.runtime.pickles.policy import Policy


@pytest.fixture
def carry(tmp_path):
    """Code of these files in a model's directory; forgotten after the test."""
    made = []

    def make(files, name="model"):
        for path, text in files.items():
            place = tmp_path / name / "code" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        made.append(CarriedCode.read(tmp_path / name, tuple(files)))
        return made[-1]

    yield make
    for code in made:
        code.forget()


def test_equally_named_modules_of_two_models_live_side_by_side(carry):
    one = carry({"net.py": "import part\nWORD = part.WORD", "part.py": "WORD = 1"}, "one")
    two = carry({"net.py": "import part\nWORD = part.WORD", "part.py": "WORD = 2"}, "two")
    before = set(sys.path)
    assert [code.import_module("net").WORD for code in (one, two)] == [1, 2]
    assert not {"net", "part"} & set(sys.modules)
    assert set(sys.path) == before


def test_the_same_content_is_one_module(carry):
    files = {"net.py": "class Net: pass"}
    nets = [carry(files, name).import_module("net").Net for name in ("one", "two")]
    assert nets[0] is nets[1]


def test_a_module_may_be_called_as_an_installed_one(carry):
    code = carry({"json.py": "HERE = True", "net.py": "import json\nfrom json import HERE"})
    assert code.import_module("net").json.HERE
    import json

    assert json.loads("1") == 1
    assert sys.modules["json"] is json


EVERY_WAY = """
import pkg.sub.leaf
import pkg.sub.leaf as renamed
from . import sibling
from .sub import leaf as moved
from .sub.leaf import WORD
from pkg.sub import leaf
from pkg import *
import os.path
import numpy as np

def late():
    import pkg.late
    return pkg.late.WORD

FOUND = [pkg.sub.leaf.WORD, renamed.WORD, sibling.WORD, moved.WORD, WORD, leaf.WORD, shared]
"""
PACKAGE = {
    "pkg/__init__.py": "shared = 's'",
    "pkg/net.py": EVERY_WAY,
    "pkg/sibling.py": "WORD = 'b'",
    "pkg/late.py": "WORD = 'l'",
    "pkg/sub/leaf.py": "WORD = 'w'",  # pkg/sub has no __init__
}


def test_every_spelling_of_an_import_finds_the_models_own(carry):
    module = carry(PACKAGE).import_module("pkg.net")
    assert module.FOUND == ["w", "w", "b", "w", "w", "w", "s"]
    assert module.late() == "l"
    assert module.np is sys.modules["numpy"]
    assert module.os is sys.modules["os"]
    assert "pkg" not in sys.modules


def test_nothing_is_written_and_the_source_can_be_read_after_it_is_gone(carry, tmp_path):
    code = carry({"net.py": "class Net:\n    size = 1\n"})
    module = code.import_module("net")
    assert [path.name for path in (tmp_path / "model").rglob("*")] == ["code", "net.py"]
    assert module.__file__ == str(tmp_path / "model" / "code" / "net.py")
    (tmp_path / "model" / "code" / "net.py").unlink()
    assert "size = 1" in inspect.getsource(module)


@pytest.mark.parametrize("text", ["import gone_for_good", "from net_gone import x"])
def test_what_is_missing_is_called_by_its_plain_name(carry, text):
    with pytest.raises(ModuleNotFoundError) as raised:
        carry({"net.py": text}).import_module("net")
    assert raised.value.name in {"gone_for_good", "net_gone"}
    code = carry({"pkg/net.py": "import pkg.other"}, "two")
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'pkg\.other'"):
        code.import_module("pkg.net")


def test_source_that_ends_the_process_is_an_error(carry):
    with pytest.raises(InvalidModel, match="ends the process"):
        carry({"net.py": "raise SystemExit(0)"}).import_module("net")


@pytest.mark.parametrize("path", ["../net.py", "/net.py", "a/../net.py", "net.pyc", "", "a b.py"])
def test_paths_that_are_no_modules_are_refused(tmp_path, path):
    with pytest.raises(InvalidModel, match="not the path of a module"):
        CarriedCode.read(tmp_path, [path])
    with pytest.raises(InvalidModel, match="cannot be read"):
        CarriedCode.read(tmp_path, ["net.py"])


def test_forgotten_code_leaves_nothing(carry):
    code = carry({"net.py": ""})
    code.import_module("net")
    code.forget()
    assert not [name for name in sys.modules if name.startswith(code.package)]
    assert carried_code.plain(f"{code.package}.net") == (None, f"{code.package}.net")


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """A bundle with a model that carries own_net.py and own_part.py, and `src` on the path."""
    directory = tmp_path / "bundle" / "models" / "m"
    (directory / "code").mkdir(parents=True)
    (directory / "code" / "own_net.py").write_text("WORD = 'model'")
    (directory / "code" / "own_part.py").write_text("")
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    (tmp_path / "bundle" / "src").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "bundle" / "src"))
    yield directory
    for name in ("own_net", "own_part"):
        sys.modules.pop(name, None)


def test_the_bundles_own_source_comes_first_if_all_of_it_is_there(bundle, tmp_path):
    paths = ("own_net.py", "own_part.py")
    src = tmp_path / "bundle" / "src"
    (src / "own_net.py").write_text("WORD = 'bundle'")
    assert importer(bundle, paths)("own_net").WORD == "model"
    (src / "own_part.py").write_text("")
    assert importer(bundle, paths)("own_net").WORD == "bundle"
    assert importer(bundle, ()) is importer(bundle, paths)


def test_a_module_of_that_name_anywhere_else_does_not_count(bundle, tmp_path, monkeypatch):
    (tmp_path / "own_net.py").write_text("WORD = 'stranger'")
    (tmp_path / "own_part.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    import own_net

    assert own_net.WORD == "stranger"
    assert importer(bundle, ("own_net.py", "own_part.py"))("own_net").WORD == "model"


PICKLED = b"cnet\nNet\n."  # the class itself, by its plain name


def test_a_pickle_finds_the_classes_that_the_model_carries(tmp_path):
    (tmp_path / CODE).mkdir()
    (tmp_path / CODE / "net.py").write_text("class Net:\n    word = 'carried'\n")
    (tmp_path / "m.pkl").write_bytes(PICKLED)
    kind = carried_code.unpickler(tmp_path, ["net.py"])
    assert Policy().load(tmp_path / "m.pkl", kind=kind).word == "carried"
    for names in ({"net.Net"}, {"net.*"}):
        narrow = Policy("allow-listed", frozenset(names))
        assert narrow.load(tmp_path / "m.pkl", kind=kind).word == "carried"
    with pytest.raises(NotTrusted, match=r"net\.Net"):
        Policy("allow-listed").load(tmp_path / "m.pkl", kind=kind)
    assert "net" not in sys.modules
