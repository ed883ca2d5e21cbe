"""Drafts of a killed process go with the next one that writes there; all others stay."""

import os
import signal

import pytest

from modelbundle.bundler import atomic_file
from modelbundle.bundler.archives.layout_directory import LayoutDirectory
from modelbundle.bundler.archives.streams import destination
from modelbundle.bundler.registry.reference import parse
from modelbundle.bundler.registry.remotes.directory import Directory
from modelbundle.bundler.requirements.wheels.wheelhouse import Wheelhouse
from modelbundle.bundler.store import Store, drafts
from modelbundle.bundler.store.files.process import Process


def write_file(folder, pause):
    with atomic_file.replacing(folder / "place") as draft:
        draft.write_bytes(b"half")
        pause()


def write_archive(folder, pause):
    with destination.opened(str(folder / "place"), is_compressed=False) as sink:
        sink.write(b"half")
        pause()


def write_layout(folder, pause):
    def documents():
        yield "oci-layout", b"{}"
        pause()

    store = Store(folder.parent / "store")
    LayoutDirectory(folder / "place").write(documents(), [], store, lambda _: None)


def push(folder, pause):
    directory = Directory(parse(f"oci:{folder}"))
    directory.prepare()
    draft = drafts.new(folder)
    draft.write_bytes(b"half")
    pause()
    draft.replace(folder / "place")


def fetch(folder, pause):
    house = Wheelhouse(folder)
    house.prepare()
    with atomic_file.replacing(house.wheels / f"wheel-{os.getpid()}.whl") as draft:
        draft.write_bytes(b"half")
        pause()


def begun(write, folder, pause):
    """A child that has a draft, and then does what `pause` does."""
    reading, writing = os.pipe()

    def told():
        os.write(writing, b".")
        pause()

    child = os.fork()
    if not child:
        try:
            write(folder, told)
        finally:
            os._exit(0)
    os.close(writing)
    assert os.read(reading, 1) == b"."
    os.close(reading)
    return child


def parts(folder):
    return [path for path in folder.rglob("*") if path.name.endswith(".part")]


@pytest.fixture
def folder(tmp_path):
    Store(tmp_path / "store")
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


@pytest.mark.parametrize("write", [write_file, write_archive, write_layout, push, fetch])
def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(write, folder):
    killed = begun(write, folder, lambda: os.kill(os.getpid(), signal.SIGKILL))
    os.waitpid(killed, 0)
    assert len(parts(folder)) == 1
    living = begun(write, folder, signal.pause)
    try:
        (own,) = parts(folder)
        assert f".{living}." in own.name
        write(folder, lambda: None)
        assert parts(folder) == [own]
    finally:
        os.kill(living, signal.SIGKILL)
        os.waitpid(living, 0)


def dead():
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    return f"{child}.1.{Process.current().place}"


@pytest.mark.parametrize(
    "name",
    [
        ".place.{dead}.0123abcd",  # no draft of ours
        ".place.0123abcd.part",
        ".other.{dead}.0123abcd.part",  # of another place
        "place.{dead}.0123abcd.part",
        ".place.{here}.0123abcd.part",
        ".place.1.1.elsewhere.0123abcd.part",  # of another machine, just now
    ],
)
def test_nothing_else_is_removed(folder, name):
    path = folder / name.format(dead=dead(), here=Process.current())
    path.write_bytes(b"a person's")
    atomic_file.write(folder / "place", b"whole")
    assert path.read_bytes() == b"a person's"


def test_what_another_machine_left_goes_after_a_day_of_quiet(folder):
    path = folder / ".place.1.1.elsewhere.0123abcd.part"
    path.touch()
    os.utime(path, (1, 1))
    atomic_file.write(folder / "place", b"whole")
    assert not parts(folder)


def test_a_link_goes_and_not_what_it_names(folder, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_bytes(b"1")
    (folder / f".place.{dead()}.0123abcd.part").symlink_to(tmp_path / "kept")
    drafts.clear(folder)
    assert not parts(folder)
    assert (tmp_path / "kept" / "file").read_bytes() == b"1"


@pytest.mark.parametrize("name", ["🦉" * 63, "模" * 85, "a" * 255])
def test_a_place_may_have_the_longest_name_there_is(folder, name):
    atomic_file.write(folder / name, b"whole")
    assert [path.name for path in folder.iterdir()] == [name]
