import ast
import platform
import textwrap

import pytest

from modelbundle.bundler.building.service.syntax.module import (
    Assigned,
    Imported,
    Module,
    Opaque,
    absolute,
    bindings,
)
from modelbundle.bundler.building.service.syntax.tree import Defined, Outside, SourceTree
from modelbundle.bundler.errors import BuildError


def names(source, package=""):
    return bindings(ast.parse(textwrap.dedent(source)).body, package)


def origin(source, name, package=""):
    return names(source, package)[name].origin


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        ("import numpy as np", "np", "numpy"),
        ("import os.path", "os", "os"),
        ("import os.path as path", "path", "os.path"),
        ("from a.b import c as d", "d", "a.b.c"),
        ("from .b import c", "c", "shop.b.c"),
        ("from . import b", "b", "shop.b"),
        ("from .. import b", "b", "b"),
        ("try:\n import a as x\nexcept ImportError:\n import b as x", "x", "a"),
        ("if TYPE_CHECKING:\n import a as x\nelse:\n import b as x", "x", "b"),
        ("import typing\nif typing.TYPE_CHECKING:\n import a as x\nimport b as x", "x", "b"),
    ],
)
def test_imported_names_stand_for_whole_dotted_names(source, name, expected):
    assert origin(source, name, "shop") == expected


def test_what_only_type_checkers_see_is_known_as_such():
    assert names("if TYPE_CHECKING:\n import a")["a"] == Imported("a", is_typing_only=True)


def test_classes_values_and_loops_are_bound_too():
    found = names("""
        A = 1
        B: int = 2
        for C in ():
            D = 3
        with open("x") as E: pass
        x, F = 1, 2
        class G: ...
        def H(): I = 1
    """)
    assert isinstance(found["A"], Assigned)
    assert isinstance(found["B"], Assigned)
    assert isinstance(found["C"], Opaque)
    assert isinstance(found["D"], Assigned)
    assert isinstance(found["E"], Opaque)
    assert isinstance(found["F"], Opaque)
    assert isinstance(found["G"], ast.ClassDef)
    assert "I" not in found


def test_relative_imports_climb_packages():
    node = ast.parse("from ..c import d").body[0]
    assert absolute(node, "a.b") == "a.c"


def test_names_are_followed_through_files_and_reexports(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text("from .inner import Item, np\n")
    (tmp_path / "pkg" / "inner.py").write_text("import numpy as np\nclass Item: ...\n")
    (tmp_path / "main.py").write_text("import pkg\nfrom pkg import Item as It, np as n\n")
    tree = SourceTree(tmp_path)
    main = tree.find("main")
    for text in ("It", "pkg.Item", "pkg.inner.Item"):
        meaning = tree.resolve(ast.parse(text, mode="eval").body, main)
        assert isinstance(meaning, Defined)
        assert meaning.node.name == "Item"
    assert tree.resolve(ast.parse("n.float32", mode="eval").body, main) == Outside("numpy.float32")
    assert [module.name for module in tree.reachable(main)] == ["main", "pkg", "pkg.inner"]


def test_modules_that_import_each_other_are_read_once_and_never_for_ever(tmp_path):
    (tmp_path / "a.py").write_text("from b import x\n")
    (tmp_path / "b.py").write_text("from a import x\n")
    tree = SourceTree(tmp_path)
    assert [module.name for module in tree.reachable(tree.find("a"))] == ["a", "b"]
    assert tree.resolve(ast.Name("x", ast.Load()), tree.find("a"))


def test_a_name_that_nobody_defines_is_an_error_with_its_line(tmp_path):
    (tmp_path / "a.py").write_text("Item = 1\n")
    module = SourceTree(tmp_path).find("a")
    assert isinstance(module, Module)
    node = ast.Name("Itm", ast.Load(), lineno=3, col_offset=0)
    with pytest.raises(BuildError, match=r"a\.py:3: `Itm` is not defined") as raised:
        SourceTree(tmp_path).resolve(node, module)
    assert raised.value.hint == "Did you mean `Item`?"


def test_what_is_not_this_pythons_syntax_names_the_place_and_this_python(tmp_path):
    path = tmp_path / "shop.py"
    path.write_text("a = 1\ntype = = 2\n")
    with pytest.raises(BuildError, match=r"^shop\.py:2: invalid syntax\.") as raised:
        Module.read("shop", path, tmp_path)
    assert platform.python_version().rpartition(".")[0] in (raised.value.hint or "")
