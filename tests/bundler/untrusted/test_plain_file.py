"""A user's file is read up to a size, also where it has no end."""

import io
import os
from pathlib import Path

import pytest

from modelbundle.bundler.untrusted import plain_file


def test_a_regular_file_is_read_up_to_its_limit(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert plain_file.read(path, 5) == b"12345"
    with pytest.raises(ValueError, match="more than 4 bytes"):
        plain_file.read(path, 4)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_regular_file_is_not_waited_for(tmp_path, make):
    make(tmp_path / "odd")
    with pytest.raises(ValueError, match="not a regular file"):
        plain_file.read(tmp_path / "odd")


def test_a_stream_is_read_to_its_end_and_no_device_for_ever():
    assert plain_file.read_stream(io.BytesIO(b"12345"), 5) == b"12345"
    with Path("/dev/zero").open("rb") as zeros, pytest.raises(ValueError, match="more than 1,000"):
        plain_file.read_stream(zeros, 1000)
