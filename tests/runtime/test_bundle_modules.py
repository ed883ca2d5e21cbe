"""What Python imports from a bundle's directory, and what it never does."""

import hashlib
import importlib.util
import json
import marshal
import os
import pkgutil
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from modelbundle.runtime import bundle_modules

PLANTED = "import pathlib; pathlib.Path({canary!r}).write_text('ran')\n"
MODULES = {
    "src/service.py": "from helper import deep, word\nfrom plug import names\n",
    "src/helper/__init__.py": "word = 'listed'\n",
    "src/helper/deep.py": "from . import word\n",
    "src/space/inner.py": "word = 'of a namespace'\n",
    "src/plug.py": "import pkgutil, helper\nnames = [m.name for m in pkgutil.iter_modules(helper.__path__)]\n",
    "src/helper/data.txt": "data",
}


@pytest.fixture
def bundle(tmp_path):
    """A directory with a `bundle.json` that lists MODULES."""
    root = tmp_path / "bundle"
    write(root, MODULES)
    return root


def write(root, modules):
    files = []
    for path, text in modules.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        files.append({"path": path, "digest": f"sha256:{digest}", "size": len(text)})
    (root / "bundle.json").write_text(json.dumps({"files": files}))


def plant_bytecode(source, text):
    """Bytecode that Python takes for that of `source`, whatever that says."""
    cache = Path(importlib.util.cache_from_source(source))
    cache.parent.mkdir(exist_ok=True)
    code = marshal.dumps(compile(text, str(source), "exec"))
    unchecked = (0b01).to_bytes(4, "little") + b"\0" * 8  # never compared with the source
    cache.write_bytes(importlib.util.MAGIC_NUMBER + unchecked + code)


def python(code, **given):
    return subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False, **given
    )


def importing(root, code):
    """Run `code` in a process that may import from `src` of the bundle, as servers do."""
    start = (
        "import sys\nfrom modelbundle.runtime import bundle_modules as modules\n"
        f"root = {str(root)!r}\nmodules.guard_sources(root, modules.listed(root))\n"
        "sys.path.insert(0, root + '/src')\n"
    )
    return python(start + code)


def test_listed_modules_are_imported(bundle):
    done = importing(
        bundle,
        "import service, space.inner, inspect, importlib.resources\n"
        "print(service.word, service.names, space.inner.word)\n"
        "print(inspect.getsource(service.deep).strip())\n"
        "print(importlib.resources.files('helper').joinpath('data.txt').read_text())\n",
    )
    assert done.stdout.splitlines() == [
        "listed ['deep'] of a namespace",
        "from . import word",
        "data",
    ], done.stderr
    assert not list(bundle.rglob("__pycache__"))


def test_bytecode_is_neither_read_nor_written(bundle, tmp_path):
    canary = tmp_path / "canary"
    evil = PLANTED.format(canary=str(canary))
    plant_bytecode(bundle / "src/service.py", evil)
    plant_bytecode(bundle / "src/helper/deep.py", evil)
    plain = python(f"import sys; sys.path.insert(0, {str(bundle / 'src')!r}); import service")
    assert canary.read_text() == "ran", plain.stderr  # so it would be without us
    canary.unlink()
    done = importing(bundle, "import service; print(service.word)")
    assert done.stdout == "listed\n", done.stderr
    assert not canary.exists()


@pytest.mark.parametrize(
    "path",
    [
        "src/json.py", "src/json/__init__.py", "src/helper.py", "src/service/__init__.py",
        "src/helper/deep/__init__.py", "src/sitecustomize.py", "src/stranger.pyc",
    ],
)  # fmt: skip
def test_what_nobody_lists_is_not_there(bundle, tmp_path, path):
    canary = tmp_path / "canary"
    (bundle / path).parent.mkdir(exist_ok=True)
    text = tmp_path / "evil.py"
    text.write_text(PLANTED.format(canary=str(canary)))
    if path.endswith(".pyc"):
        py_compile.compile(str(text), str(bundle / path))
    else:
        (bundle / path).write_text(text.read_text())
    done = importing(
        bundle,
        "import service, json, importlib.util as u\n"
        "print(service.word, u.find_spec('stranger'), 'json' in dir(json) or json.dumps([]))",
    )
    assert done.stdout.split()[:2] == ["listed", "None"], done.stderr
    assert not canary.exists()


def test_a_library_that_nobody_lists_does_not_stand_in_for_a_module(bundle):
    from importlib.machinery import EXTENSION_SUFFIXES

    (bundle / f"src/service{EXTENSION_SUFFIXES[0]}").write_bytes(b"\x7fELF nonsense")
    done = importing(bundle, "import service; print(service.word)")
    assert done.stdout == "listed\n", done.stderr


def test_a_listed_library_is_compared_before_it_is_loaded(tmp_path):
    import _json

    source = Path(_json.__file__)
    root = tmp_path / "bundle"
    write(root, {"src/other.py": ""})
    (root / "src" / source.name).write_bytes(source.read_bytes())
    manifest = json.loads((root / "bundle.json").read_text())
    digest = "sha256:" + hashlib.sha256(source.read_bytes()).hexdigest()
    manifest["files"].append({"path": f"src/{source.name}", "digest": digest})
    (root / "bundle.json").write_text(json.dumps(manifest))
    code = "sys.modules.pop('_json', None); import _json; print(_json.__file__)"
    assert str(root) in importing(root, code).stdout
    with (root / "src" / source.name).open("ab") as file:
        file.write(b"more")
    changed = importing(root, code)
    assert "differs from its digest" in changed.stderr


def test_changed_sources_are_refused(bundle):
    (bundle / "src/helper/deep.py").write_text("from . import word as other\n")
    done = importing(bundle, "import service")
    assert "`" + str(bundle / "src/helper/deep.py") + "` differs from its digest" in done.stderr
    assert done.returncode == 1


def test_without_sources_of_its_own_nothing_changes(bundle, tmp_path):
    before = list(sys.path_hooks)
    bundle_modules.guard_sources(str(tmp_path), {"models/a/model.bin": "sha256:" + "0" * 64})
    assert sys.path_hooks == before


def test_a_guard_is_set_once_and_forgets_what_python_remembers(bundle, monkeypatch):
    monkeypatch.setattr(sys, "path_hooks", list(sys.path_hooks))
    source = str(bundle / "src")
    pkgutil.get_importer(source)
    assert type(sys.path_importer_cache[source]).__name__ == "FileFinder"
    digests = bundle_modules.listed(str(bundle))
    bundle_modules.guard(str(bundle), digests)
    count = len(sys.path_hooks)
    bundle_modules.guard(str(bundle), digests)
    assert len(sys.path_hooks) == count
    assert type(pkgutil.get_importer(source)).__name__ == "Finder"
    names = [name for _, name, _ in pkgutil.iter_modules([source])]
    assert names == ["helper", "plug", "service"]
    assert type(pkgutil.get_importer(os.fspath(bundle.parent))).__name__ == "FileFinder"
    for folder in (source, str(bundle.parent)):
        sys.path_importer_cache.pop(folder, None)


@pytest.mark.parametrize("text", [None, "no json", "[]", '{"files": [{}]}'])
def test_without_a_manifest_nothing_begins(tmp_path, text):
    if text is not None:
        (tmp_path / "bundle.json").write_text(text)
    script = [sys.executable, "-P", bundle_modules.__file__, "json.tool", str(tmp_path)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert done.stderr.startswith("error: `")
    assert "Traceback" not in done.stderr
