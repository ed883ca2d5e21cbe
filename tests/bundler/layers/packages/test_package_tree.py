"""PackageTree: wheels unpacked here, with nothing in them that this machine has added."""

import csv
import io
import os
from pathlib import Path

import pytest

from modelbundle.bundler.errors import BuildError, ResolveError
from modelbundle.bundler.layers.packages import package_tree
from modelbundle.bundler.layers.packages.bytecode import Compiler
from modelbundle.bundler.layers.packages.package_tree import PackageTree, Wanted
from modelbundle.bundler.progress import NullProgress
from modelbundle.bundler.store.files import disk
from modelbundle.runtime import digest

SITE = "opt/site"


@pytest.fixture
def unpack(own_store, wheels, make_wheel, tmp_path):
    """Unpack wheels that are made here; the tree."""

    def run(packages, compiler=None, platform="linux/amd64"):
        lines = ""
        for name, files in packages.items():
            wheel = wheels / f"{name}-1.0-py3-none-any.whl"
            if not wheel.exists():  # a zip knows when it was written
                make_wheel(wheels, name, "1.0", files=files)
            lines += f"{name}==1.0 --hash={digest.of_file(wheel)}\n"
        lock = tmp_path / "requirements.lock"
        lock.write_text(lines)
        wanted = Wanted("3.11", platform, SITE, compiler)
        tree = PackageTree.of(own_store, digest.of_bytes(lines.encode()), wanted)
        tree.make(own_store, lock, NullProgress())
        return tree

    return run


def paths(tree, name):
    return {member.path.removeprefix(f"{SITE}/"): member for member in tree.members()[name]}


def test_files_are_those_of_the_wheels_without_scripts_and_notes(unpack):
    """A console script would carry the path of this machine's Python."""
    entry = "[console_scripts]\nsmall = small:main\n"
    files = [("small.py", "x = 1\n"), ("small-1.0.dist-info/entry_points.txt", entry)]
    tree = unpack({"small": files})
    assert (tree.directory / "bin" / "small").exists()  # uv wrote it
    found = paths(tree, "small")
    assert set(found) == {
        "small.py",
        "small-1.0.dist-info/METADATA",
        "small-1.0.dist-info/RECORD",
        "small-1.0.dist-info/WHEEL",
        "small-1.0.dist-info/entry_points.txt",
    }
    record = found["small-1.0.dist-info/RECORD"].content.decode()
    assert {row[0] for row in csv.reader(io.StringIO(record))} == set(found)


def test_the_same_lock_is_unpacked_once_and_another_platform_apart(unpack):
    files = {"small": [("small.py", "x = 1\n")]}
    tree = unpack(files)
    (tree.directory / "mark").touch()
    assert (unpack(files).directory / "mark").exists()
    assert unpack(files, platform="linux/arm64").directory != tree.directory


def test_trees_that_nobody_used_for_long_make_room(unpack, monkeypatch):
    monkeypatch.setattr(package_tree, "_KEPT", 2)
    first = unpack({"small0": [("small0.py", "")]})
    os.utime(first.directory, (0, 0))
    others = [unpack({f"small{number}": [(f"small{number}.py", "")]}) for number in (1, 2)]
    assert not first.is_there
    assert all(tree.is_there for tree in others)


def test_compiled_files_are_the_same_every_time(unpack, own_store, monkeypatch):
    compiler = Compiler.find("3.11", own_store)
    if compiler is None:
        pytest.skip("no Python 3.11 is here")
    files = {"small": [("small.py", "a = {'x', 'y'}\ndef f(): return frozenset('ab'), a\n")]}
    first = paths(unpack(files, compiler), "small")
    pyc = first["__pycache__/small.cpython-311.pyc"]
    data = pyc.content.read_bytes()
    assert data[4:8] == b"\x01\x00\x00\x00"  # by hash, and nobody need compare it
    assert b"/opt/site/small.py" in data
    tree = unpack(files, compiler)
    pyc.content.unlink()
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    compiler.run([(tree.directory / "small.py", "opt/site/small.py", pyc.content)], tree.directory)
    assert pyc.content.read_bytes() == data


def test_a_packages_own_tests_are_not_compiled(unpack, own_store):
    """No server imports them, and they are half of what SciPy and pandas would compile."""
    compiler = Compiler.find("3.11", own_store)
    if compiler is None:
        pytest.skip("no Python 3.11 is here")
    names = ("small/__init__.py", "small/tests.py", "small/tests/test_it.py", "tests/deep/it.py")
    found = paths(unpack({"small": [(name, "x = 1\n") for name in names]}, compiler), "small")
    assert set(names) <= set(found)
    assert {path for path in found if path.endswith(".pyc")} == {
        "small/__pycache__/__init__.cpython-311.pyc",
        "small/__pycache__/tests.cpython-311.pyc",
    }


def test_two_wheels_that_own_a_file_are_refused(unpack):
    files = {"one": [("same.py", "x = 1\n")], "two": [("same.py", "x = 2\n")]}
    with pytest.raises(ResolveError, match=r"both own .*same\.py"):
        unpack(files)


def test_what_nobody_imports_and_two_wheels_bring_differently_stays_out(unpack):
    """Which one is there is chance, and a layer must not depend on it."""
    common = ("tests/__init__.py", "same = 1\n")
    files = {
        name: [(f"{name}.py", "x = 1\n"), common, ("tests/conftest.py", f"owner = '{name}'\n")]
        for name in ("one", "two")
    }
    tree = unpack(files)
    for name in files:
        found = paths(tree, name)
        record = found[f"{name}-1.0.dist-info/RECORD"].content.decode()
        assert {f"{name}.py", "tests/__init__.py"} <= set(found)
        assert "tests/conftest.py" not in found
        assert "tests/conftest.py" not in record
        for member in found.values():
            if isinstance(member.content, Path) and member.digest:
                assert digest.of_file(member.content) == member.digest


def test_a_wheel_whose_folder_keeps_the_hyphen_of_its_name_is_known_by_it(
    unpack, wheels, make_wheel
):
    """uv and pip take such wheels; an image without their files would fail at its first import."""
    for name in ("acme-tools", "acme-rows"):
        module = name.replace("-", "_")
        files = [(f"{module}.py", ""), ("same.py", "x = 1\n")]
        make_wheel(wheels, name, "1.0", files=files, info=f"{name}-1.0.dist-info")
    tree = unpack({"acme_tools": [], "acme_rows": []})
    assert tree.members().keys() == {"acme-tools", "acme-rows"}
    assert "acme_tools.py" in paths(tree, "acme-tools")


def test_a_record_that_cannot_be_followed_is_refused(unpack):
    """It leads out, names what is not there or no file, or is no text at all."""
    tree = unpack({"small": [("small.py", "x = 1\n")]})
    record = tree.directory / "small-1.0.dist-info" / "RECORD"
    data = record.read_bytes()
    (tree.directory / "link.py").symlink_to("/etc/passwd")
    for row, said in (
        (b"../../etc/passwd,,", "outside of its own folder"),
        (b"/etc/passwd,,", "outside of its own folder"),
        (b"a/../../b,,", "outside of its own folder"),
        (b".,,", "outside of its own folder"),
        (b"gone.py,,", "no such file is there"),
        (b"bin/gone,,", "no such file is there"),
        (b"bin/small/gone,,", "no such file is there"),
        (b"small-1.0.dist-info,,", "no such file is there"),
        (b"link.py,,", "no such file is there"),
        (b"a\0b,,", "no such file is there|cannot be read"),
        (b"x" * 300 + b",,", "no such file is there"),
        (b"\xff.py,,", "cannot be read"),
        (b'"' + b"x" * 200_000 + b'",,', "cannot be read"),
    ):
        record.unlink()  # a link into uv's cache
        record.write_bytes(data + row + b"\n")
        with pytest.raises(BuildError, match=said) as caught:
            tree.members()
        assert caught.value.hint


def test_compiled_files_of_a_wheel_stay_behind_and_programs_can_be_run(unpack):
    """They would be compared with times that sources in an image do not have."""
    files = [("small.py", "x = 1\n"), ("__pycache__/small.cpython-311.pyc", "old"), ("run", "#!")]
    tree = unpack({"small": files})
    (tree.directory / "run").unlink()
    (tree.directory / "run").write_bytes(b"#!")
    (tree.directory / "run").chmod(0o755)
    found = paths(tree, "small")
    assert "__pycache__/small.cpython-311.pyc" not in found
    assert (found["run"].executable, found["small.py"].executable) == (True, False)
    assert found["small.py"].digest == digest.of_bytes(b"x = 1\n")


def test_what_survives_a_power_cut_is_there_before_its_name_is(unpack, own_store, monkeypatch):
    """uv syncs nothing: a tree of empty files would be an image without its packages."""
    trees, files = [], []

    def sync(path):
        trees.append((path, sum(each.is_file() for each in path.rglob("*"))))

    monkeypatch.setattr(disk, "sync_filesystem", sync)
    monkeypatch.setattr(disk, "sync_file", files.append)
    tree = unpack({"small": [("small.py", "x = 1\n")]})
    compiler = Compiler.find("3.11", own_store)
    source = paths(tree, "small")["small.py"]
    assert compiler is not None
    (made,) = compiler.members([source], own_store)
    ((place, count),) = trees
    assert place != tree.directory
    assert count >= len(paths(tree, "small"))
    (compiled,) = files
    assert compiled != made.content


def test_a_whole_file_system_is_synced(tmp_path):
    disk.sync_filesystem(tmp_path)
    with pytest.raises(OSError, match="No such file"):
        disk.sync_filesystem(tmp_path / "nowhere")
