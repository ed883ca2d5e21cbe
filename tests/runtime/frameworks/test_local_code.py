"""Which of the author's files go along with a class."""

import importlib
import sys

import pytest

from modelbundle.runtime.frameworks.carried_code import CarriedCode
from modelbundle.runtime.frameworks.local_code import CannotTravel, gather


@pytest.fixture
def author(tmp_path, monkeypatch):
    """Write files of an author, and import some of them."""
    before = set(sys.modules)

    def write(files, *names, root="own"):
        for path, text in files.items():
            place = tmp_path / root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path / root))
        return [importlib.import_module(name) for name in names]

    yield write
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "") or ""):
            del sys.modules[name]


def test_local_modules_go_along_over_any_number_of_imports(author):
    files = {
        "agt_net.py": "from agt_pkg.deep import leaf\nimport json, numpy.linalg\n",
        "agt_pkg/__init__.py": "from . import extra\n",
        "agt_pkg/extra.py": "",
        "agt_pkg/unused.py": "",
        "agt_pkg/deep/leaf.py": "def f():\n    import agt_lazy\n",
        "agt_lazy.py": "",
        "agt_train.py": "import agt_net\n",
    }
    author(files, "agt_train")
    code = gather(["agt_net"])
    assert sorted(code.files) == [
        "agt_net.py",
        "agt_pkg/__init__.py",
        "agt_pkg/deep/leaf.py",
        "agt_pkg/extra.py",
    ]
    assert {"json", "numpy"} <= code.imports
    importlib.import_module("agt_lazy")
    assert "agt_lazy.py" in gather(["agt_net"]).files


def test_an_import_in_a_circle_ends(author):
    author({"agc_a.py": "import agc_b", "agc_b.py": "import agc_a"}, "agc_a")
    assert sorted(gather(["agc_a"]).files) == ["agc_a.py", "agc_b.py"]


def test_installed_modules_stay_where_they_are():
    code = gather(["numpy.linalg", "json"])
    assert code.files == {}
    assert code.imports == {"numpy", "json"}


def test_the_bytes_are_taken_as_they_are(author, tmp_path):
    author({}, root="own")
    source = "# -*- coding: latin-1 -*-\r\nWORD = 'ø'\r\n".encode("latin-1")
    (tmp_path / "own").mkdir(exist_ok=True)
    (tmp_path / "own" / "agb_net.py").write_bytes(source)
    importlib.import_module("agb_net")
    assert gather(["agb_net"]).files == {"agb_net.py": source}


def test_two_trees_the_running_script_and_what_is_no_source_cannot_travel(author, tmp_path):
    author({"agr_net.py": "import agr_far"}, root="own")
    author({"agr_far.py": ""}, "agr_net", root="far")
    with pytest.raises(CannotTravel, match="several directories"):
        gather(["agr_net"])
    author({"agm_net.py": "import __main__"}, "agm_net")
    with pytest.raises(CannotTravel, match="the script that runs now"):
        gather(["agm_net"])
    (module,) = author({"agx_net.py": ""}, "agx_net")
    (tmp_path / "own" / "agx_net.py").write_text("no python")
    with pytest.raises(CannotTravel, match="cannot be read"):
        gather(["agx_net"])
    module.__file__ = str(tmp_path / "own" / "agx_net.so")
    with pytest.raises(CannotTravel, match="not a file of Python source"):
        gather(["agx_net"])


def test_code_that_came_with_a_model_goes_on_whole(tmp_path):
    files = {"net.py": b"def f():\n    import late, numpy", "late.py": b"", "pkg/x.py": b""}
    code = CarriedCode(files, tmp_path)
    try:
        module = code.import_module("net")
        again = gather([module.__name__])
    finally:
        code.forget()
    assert again.files == files
    assert "numpy" in again.imports
