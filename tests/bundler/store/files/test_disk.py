"""What the system refuses is told with what mends it."""

import resource

import pytest

from modelbundle.bundler.errors import StoreError
from modelbundle.bundler.store import Store
from modelbundle.bundler.store.files import disk


def test_too_few_descriptors_are_told_with_the_command_that_allows_more(tmp_path):
    (tmp_path / "ref").touch()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        with (
            pytest.raises(StoreError, match="EMFILE") as caught,
            disk.store_errors("read the store"),
        ):
            disk.read(tmp_path / "ref")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert "ulimit -n" in caught.value.hint


def test_a_folder_in_the_place_of_a_file_is_told_with_its_path(tmp_path):
    (tmp_path / "layout.json").mkdir()
    with pytest.raises(StoreError, match=r"layout\.json`: Is a directory"):
        Store(tmp_path).items("model")
