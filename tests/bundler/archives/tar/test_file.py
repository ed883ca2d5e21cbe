"""A tar on disk: what is read whole is small, whatever its header says."""

import os

import pytest

from modelbundle.bundler.archives.contents import layout
from modelbundle.bundler.archives.streams.descriptor import Descriptor
from modelbundle.bundler.archives.tar.file import TarFile
from modelbundle.bundler.archives.tar.header import END, TarHeader, padding
from modelbundle.bundler.errors import InvalidArchive

NAME = layout.blob_name("sha256:" + "ab" * 32)


@pytest.fixture
def opened(tmp_path):
    """A tar of one member; how many bytes are cut off its end."""
    numbers = []

    def make(size, cut=0):
        data = TarHeader(NAME, size).encode() + b"x" * size + bytes(padding(size)) + END
        (tmp_path / "a.tar").write_bytes(data[: len(data) - cut])
        numbers.append(os.open(tmp_path / "a.tar", os.O_RDONLY))
        return TarFile(Descriptor(numbers[-1], tmp_path / "a.tar"), "`a.tar`")

    yield make
    for number in numbers:
        os.close(number)


def test_a_document_is_read_up_to_its_limit(opened):
    tar = opened(1000)
    tar.scan()
    assert tar.document(NAME, 1000) == b"x" * 1000
    with pytest.raises(InvalidArchive, match="has 1,000 bytes"):
        tar.document(NAME, 999)
    with pytest.raises(InvalidArchive, match="is missing"):
        tar.document("index.json", 999)


@pytest.mark.parametrize("cut", [1024, 1025, 1048, 1049, 2047])
def test_a_tar_that_is_cut_off_is_told_before_anything_is_taken(opened, cut):
    with pytest.raises(InvalidArchive, match="is cut off"):
        opened(1000, cut).scan()
