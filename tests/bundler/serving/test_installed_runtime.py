"""A bundle of this very runtime runs with the one that is installed, and no other does."""

from dataclasses import replace

import pytest

from modelbundle.bundler.building.contents import vendored_runtime
from modelbundle.bundler.serving import installed_runtime
from modelbundle.runtime import digest
from modelbundle.runtime.manifests.file_entry import FileEntry


@pytest.fixture
def files():
    """What a bundle that is built now says of its runtime, and of a model."""
    vendored = [
        FileEntry(path, digest.of_bytes(data), len(data)) for path, data in vendored_runtime.files()
    ]
    return [*vendored, FileEntry("models/m/model.json", digest.of_bytes(b"{}"), 2)]


def test_a_bundle_that_is_built_now_carries_what_is_installed(files):
    assert installed_runtime.is_carried(files)


@pytest.mark.parametrize("where", [0, 1, -2])
def test_one_other_file_is_another_runtime(files, where):
    files[where] = replace(files[where], digest=digest.of_bytes(b"other"))
    assert not installed_runtime.is_carried(files)


def test_one_file_more_or_less_is_another_runtime(files):
    assert not installed_runtime.is_carried(files[1:])
    more = FileEntry("modelbundle/runtime/more.py", digest.of_bytes(b""), 0)
    assert not installed_runtime.is_carried([*files, more])


def test_a_bundle_without_a_runtime_carries_none(files):
    assert not installed_runtime.is_carried(files[-1:])
