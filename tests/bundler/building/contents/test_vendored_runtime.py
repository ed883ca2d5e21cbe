"""The vendored runtime: complete, sorted, and enough on its own."""

import json
import subprocess
import sys

import modelbundle
from modelbundle.bundler.building.contents.vendored_runtime import files
from modelbundle.runtime.version import __version__


def unpack(directory):
    for path, data in files():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(data)


def test_every_module_of_the_runtime_is_there_and_nothing_compiled():
    paths = [path for path, _ in files()]
    assert paths == sorted(paths)
    assert {"modelbundle/__init__.py", "modelbundle/runtime/manifests/bundle_manifest.py"} <= set(
        paths
    )
    assert not any("__pycache__" in path or path.endswith(".pyc") for path in paths)


def test_whatever_our_own_face_has_of_the_runtime_a_bundle_has(tmp_path):
    """A service that runs here must not fail for want of a name in its own environment."""
    ours = {name: home for name, home in modelbundle._HOMES.items() if home.startswith(".runtime.")}
    unpack(tmp_path)
    code = "import json, modelbundle as mb; print(json.dumps([mb._HOMES, mb.__all__]))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    homes, names = json.loads(done.stdout)
    assert homes == ours
    assert names == sorted([*ours, "__version__"])


def test_the_face_gives_what_a_service_is_written_with_and_imports_nothing_else(tmp_path):
    unpack(tmp_path)
    code = (
        "import sys; before = set(sys.modules); import modelbundle as mb; "
        "new = set(sys.modules) - before; "
        "print(mb.__version__, mb.service.__name__, mb.api.__name__, mb.model.__name__, "
        "mb.Array.__name__, 'numpy' in new, mb.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    told = done.stdout.split()
    assert told[:6] == [__version__, "service", "api", "model", "Array", "False"]
    assert told[6].startswith(str(tmp_path))
