"""Temporary folders go, also those of processes that could not remove them."""

import os
import subprocess
import sys
import tempfile

import pytest

from modelbundle.bundler import scratch

KILLED = """
import os, signal
from modelbundle.bundler import scratch

with scratch.folder("lock") as folder:
    (folder / "pyproject.toml").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_gone_afterwards(place):
    with scratch.folder("lock") as folder:
        (folder / "within").mkdir()
        assert folder.parent == place
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not any(place.iterdir())


def test_what_a_killed_process_left_goes_with_the_next_and_nothing_else(place):
    command = [sys.executable, "-P", "-c", KILLED]
    for _ in range(2):  # the second removes what the first left
        done = subprocess.run(command, env=os.environ | {"TMPDIR": str(place)}, check=False)
        assert done.returncode == -9
        assert len(list(place.iterdir())) == 1
    (place / "bundle-of-somebody").mkdir()
    with scratch.folder("one") as one, scratch.folder("two") as two:
        assert one.is_dir()
        assert two.is_dir()
    assert [path.name for path in place.iterdir()] == ["bundle-of-somebody"]
