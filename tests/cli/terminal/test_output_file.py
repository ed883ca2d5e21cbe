"""A file that a command writes is whole, or it is what it was."""

import os
import subprocess
from pathlib import Path

import pytest

from modelbundle.cli.terminal import output_file
from modelbundle.runtime.errors import BundleError


def test_it_is_written_and_replaced(tmp_path):
    path = tmp_path / "a.json"
    output_file.write(path, b"one")
    output_file.write(path, b"two")

    assert path.read_bytes() == b"two"
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "link").symlink_to("real")
    output_file.write(tmp_path / "link", b"x")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"x"


def test_a_pipe_stays_one(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE)
    output_file.write(tmp_path / "pipe", b"through")

    assert reader.communicate(timeout=60)[0] == b"through"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_said_with_what_helps():

    with pytest.raises(BundleError, match="`/dev/full` cannot be written: No space left") as told:
        output_file.write(Path("/dev/full"), b"x")
    assert told.value.hint == "Make room there, or write to another disk."


def test_what_cannot_be_written_says_what_to_do_and_leaves_what_was_there(tmp_path):
    (tmp_path / "folder").mkdir()
    for name, hint in {"gone/a": "Make the directory", "folder": "Name a file in it."}.items():
        with pytest.raises(BundleError, match="cannot be written") as told:
            output_file.write(tmp_path / name, b"x")
        assert hint in told.value.hint
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]
