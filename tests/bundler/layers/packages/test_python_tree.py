"""PythonTree: an interpreter of a known digest as a layer, without what only builds need."""

import hashlib
import io
import os
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import pytest
from uv import find_uv_bin

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.layers.packages import python_tree
from modelbundle.bundler.layers.packages.bytecode import Compiler
from modelbundle.bundler.layers.packages.python_tree import PYTHON_HOME, PythonTree
from modelbundle.bundler.progress import NullProgress
from modelbundle.bundler.requirements import standalone
from modelbundle.bundler.requirements.standalone import MIRROR, Archive
from modelbundle.bundler.store.files import disk

FILES = {
    "bin/python3.11": (b"\x7fELF", 0o755),
    "bin/pip3.11": (b"#!", 0o755),
    "bin/python3-config": (b"#!", 0o755),
    "include/python3.11/Python.h": (b"", 0o644),
    "lib/libpython3.11.so.1.0": (b"\x7fELF", 0o755),
    "lib/libpython3.11.a": (b"", 0o644),
    "lib/tcl8.6/init.tcl": (b"", 0o644),
    "lib/python3.11/os.py": (b"x = {'a'}\n", 0o644),
    "lib/python3.11/__pycache__/os.cpython-311.pyc": (b"with a time", 0o644),
    "lib/python3.11/tkinter/__init__.py": (b"", 0o644),
    "lib/python3.11/site-packages/pip/__init__.py": (b"", 0o644),
    "share/man/python.1": (b"", 0o644),
}
LINKS = {
    "bin/python3": "python3.11",
    "bin/out": "../../../etc/passwd",
    "bin/absolute": "/etc/passwd",
}


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """An archive in a mirror on this disk, with a few entries that lead out."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as written:
        for name, (content, mode) in FILES.items():
            info = tarfile.TarInfo(f"python/{name}")
            info.size, info.mode, info.mtime = len(content), mode | 0o6022, 12345
            written.addfile(info, io.BytesIO(content))
        for name, target in LINKS.items():
            info = tarfile.TarInfo(f"python/{name}")
            info.type, info.linkname = tarfile.SYMTYPE, target
            written.addfile(info)
        for name in ("python/../../escaped", "/absolute", "elsewhere/file"):
            written.addfile(tarfile.TarInfo(name))
    found = Archive("3.11.16", "x86_64", hashlib.sha256(data.getvalue()).hexdigest())
    path = tmp_path / "mirror" / unquote(found.path)
    path.parent.mkdir(parents=True)
    path.write_bytes(data.getvalue())
    monkeypatch.setenv(MIRROR, f"file://{tmp_path}/mirror")
    monkeypatch.setattr(standalone, "SITE", "http://127.0.0.1:1/nowhere")
    return found


def test_it_holds_what_runs_and_nothing_that_leads_out(own_store, archive, tmp_path):
    tree = PythonTree.of(own_store, archive, PYTHON_HOME, None)
    tree.make(own_store, NullProgress(), offline=True)
    found = {member.path.removeprefix("opt/python/current/"): member for member in tree.members()}
    assert set(found) == {
        "bin/python3", "bin/python3.11", "lib/libpython3.11.so.1.0", "lib/python3.11/os.py",
    }  # fmt: skip
    assert found["bin/python3"].link == "python3.11"
    assert found["bin/python3.11"].executable
    assert not found["lib/python3.11/os.py"].executable
    assert not list(tmp_path.rglob("escaped"))


def test_it_survives_a_power_cut_before_it_has_its_name(own_store, archive, monkeypatch):
    """Nothing would ever tell an interpreter of empty files from a whole one."""
    synced, named = [], []
    monkeypatch.setattr(
        disk,
        "sync_filesystem",
        lambda path: synced.extend(p for p in path.rglob("*") if p.is_file()),
    )
    monkeypatch.setattr(disk, "sync_directory", named.append)
    tree = PythonTree.of(own_store, archive, PYTHON_HOME, None)
    tree.make(own_store, NullProgress(), offline=True)
    assert len(synced) == len(list(tree.members()))
    assert all(tree.directory not in path.parents for path in synced)
    assert named[-1] == tree.directory.parent


def test_its_library_is_compiled_the_same_every_time(own_store, archive):
    compiler = Compiler.find("3.11", own_store)
    if compiler is None:
        pytest.skip("no Python 3.11 is here")
    tree = PythonTree.of(own_store, archive, PYTHON_HOME, compiler)
    tree.make(own_store, NullProgress())
    pyc = tree.directory / "lib/python3.11/__pycache__/os.cpython-311.pyc"
    first = pyc.read_bytes()
    assert b"/opt/python/current/lib/python3.11/os.py" in first
    os.rename(tree.directory, tree.directory.with_name("before"))  # noqa: PTH104
    tree.make(own_store, NullProgress())
    assert pyc.read_bytes() == first


def test_another_archive_than_the_known_one_is_refused(own_store, archive, tmp_path):
    path = tmp_path / "mirror" / unquote(archive.path)
    path.write_bytes(path.read_bytes() + b"x")
    tree = PythonTree.of(own_store, archive, PYTHON_HOME, None)
    with pytest.raises(ResolveError, match="is not the Python that this tool knows"):
        tree.make(own_store, NullProgress())
    assert not tree.is_there


def test_a_mirror_that_is_no_address_is_told(own_store, archive, tmp_path, monkeypatch):
    monkeypatch.setenv(MIRROR, str(tmp_path / "mirror"))
    with pytest.raises(ResolveError, match="cannot be fetched: unknown url type"):
        PythonTree.of(own_store, archive, PYTHON_HOME, None).make(own_store, NullProgress())


def test_a_mirror_without_an_end_is_not_followed_to_it(own_store, archive, tmp_path, monkeypatch):
    monkeypatch.setattr(python_tree, "_LARGEST", 1)
    with (tmp_path / "mirror" / unquote(archive.path)).open("r+b") as file:
        file.truncate(100 << 20)
    with pytest.raises(ResolveError, match="is not the Python"):
        python_tree.fetch(archive, tmp_path / "fetched", offline=False)
    assert (tmp_path / "fetched").stat().st_size < 100 << 20


def test_without_a_network_it_says_what_to_bring(own_store, archive, monkeypatch):
    tree = PythonTree.of(own_store, archive, PYTHON_HOME, None)
    monkeypatch.delenv(MIRROR)
    with pytest.raises(ResolveError, match="`--offline` fetches nothing") as caught:
        tree.make(own_store, NullProgress(), offline=True)
    assert unquote(archive.path) in caught.value.hint
    with pytest.raises(ResolveError, match=r"cannot be fetched: .*refused"):
        tree.make(own_store, NullProgress())


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
def test_every_version_and_platform_has_one(python, platform):
    found = standalone.find(python, platform)
    assert found.version.startswith(f"{python}.")
    assert found.machine in found.path
    assert standalone.find(found.version, platform) == found


def test_an_exact_version_that_is_not_in_the_table_has_none():
    assert standalone.find("3.11.9", "linux/amd64") is None
    assert standalone.find("3.11", "linux/riscv64") is None


def test_the_digests_are_those_that_uv_knows(tmp_path):
    """uv compares what it unpacks with a table of its own, and says what it had expected."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as written:
        written.addfile(tarfile.TarInfo("python/nothing"))
    for version, machine in standalone._DIGESTS:
        place = tmp_path / "mirror" / unquote(Archive(version, machine, "").path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data.getvalue())
    given = {"UV_HTTP_RETRIES": "0", MIRROR: (tmp_path / "mirror").as_uri(), "NO_COLOR": "1"}

    def told(known):
        command = ["python", "install", "--no-config", "--install-dir", str(tmp_path / "into")]
        name = "cpython-{}-linux-{}-gnu".format(*known)
        return subprocess.run(
            [find_uv_bin(), *command, name], env={**os.environ, **given},
            capture_output=True, text=True, check=False,
        ).stderr  # fmt: skip

    with ThreadPoolExecutor(4) as pool:
        answers = dict(zip(standalone._DIGESTS, pool.map(told, standalone._DIGESTS), strict=True))
    for known, answer in answers.items():
        if f"{standalone.RELEASE}/" not in answer and "ismatch" not in answer:
            pytest.skip(f"this uv knows another release: {answer}")
        assert standalone._DIGESTS[known] in answer, known
