"""A stored file elsewhere: the same bytes, read-only, whatever the file systems can do."""

import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from modelbundle.bundler.store.files.placing import place


@pytest.fixture
def blob(tmp_path):
    path = tmp_path / "blob"
    path.write_bytes(b"weights")
    path.chmod(0o444)
    return path


@pytest.fixture
def elsewhere(tmp_path):
    """A directory on another file system: on a disk where tests write to memory, or in memory."""
    here = tmp_path.stat().st_dev
    places = [Path(place) for place in ("/dev/shm", "/var/tmp") if os.access(place, os.W_OK)]
    others = [place for place in places if place.stat().st_dev != here]
    if not others:
        pytest.skip("no second file system")
    directory = Path(tempfile.mkdtemp(dir=others[0], prefix="modelbundle-test-"))
    yield directory
    shutil.rmtree(directory)


@pytest.mark.parametrize(("executable", "mode"), [(False, 0o444), (True, 0o555)])
def test_a_file_beside_it(blob, tmp_path, executable, mode):
    place(blob, tmp_path / "file", executable=executable)
    assert (tmp_path / "file").read_bytes() == b"weights"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode
    assert stat.S_IMODE(blob.stat().st_mode) == 0o444


def test_a_file_on_another_file_system(blob, elsewhere):
    place(blob, elsewhere / "file")
    assert (elsewhere / "file").read_bytes() == b"weights"
    assert stat.S_IMODE((elsewhere / "file").stat().st_mode) == 0o444
