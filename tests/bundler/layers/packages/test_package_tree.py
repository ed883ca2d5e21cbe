"""PackageTree: wheels unpacked here, with nothing in them that this machine has added."""

import csv
import io
import os

import pytest

from modelbundle.bundler.errors import BuildError, ResolveError
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


def test_trees_that_nobody_used_for_long_make_room(unpack):
    first = unpack({"small0": [("small0.py", "")]})
    os.utime(first.directory, (0, 0))
    others = [unpack({f"small{number}": [(f"small{number}.py", "")]}) for number in range(1, 9)]
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


def test_two_wheels_that_own_a_file_are_refused(unpack):
    files = {"one": [("same.py", "x = 1\n")], "two": [("same.py", "x = 2\n")]}
    with pytest.raises(ResolveError, match=r"both own .*same\.py"):
        unpack(files)


def test_a_record_that_leads_out_is_refused(unpack):
    tree = unpack({"small": [("small.py", "x = 1\n")]})
    record = tree.directory / "small-1.0.dist-info" / "RECORD"
    text = record.read_text()
    record.unlink()  # a link into uv's cache
    record.write_text(text + "../../etc/passwd,,\n")
    with pytest.raises(BuildError, match="outside of its own folder"):
        tree.members()


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
