"""The header in front of a member: what we write, others read, and the other way round."""

import subprocess
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.archives.streams.descriptor import Descriptor
from modelbundle.bundler.archives.tar.file import TarFile
from modelbundle.bundler.archives.tar.header import END, TarHeader, padding

NAME = "blobs/sha256/" + "ab" * 32


@given(st.integers(0, 1 << 62))
def test_python_and_we_read_what_we_write(size):
    header = TarHeader(NAME, size).encode()
    assert TarHeader.decode(header) == TarHeader(NAME, size)
    read = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
    assert (read.name, read.size, read.mode, read.mtime) == (NAME, size, 0o644, 0)


@given(st.binary(min_size=512, max_size=512))
def test_any_block_is_read_or_refused(block):
    with pytest.raises(ValueError, match=r"."):
        raise ValueError(TarHeader.decode(block))


@given(st.integers(0, 511), st.integers(0, 7))
def test_no_bit_of_it_can_change(position, bit):
    block = bytearray(TarHeader(NAME, 12345).encode())
    block[position] ^= 1 << bit
    with pytest.raises(ValueError, match=r"."):
        TarHeader.decode(bytes(block))


def test_more_than_eight_gigabytes(tmp_path):
    """A file of holes: nobody writes them."""
    size = (9 << 30) + 5
    path = tmp_path / "large.tar"
    with path.open("wb") as file:
        file.write(TarHeader(NAME, size).encode())
        file.seek(size + padding(size), 1)
        file.write(TarHeader("index.json", 1).encode() + b"x" + bytes(511) + END)
    listed = subprocess.run(["tar", "tvf", path], capture_output=True, text=True, check=True)
    assert str(size) in listed.stdout
    with path.open("rb") as file:
        tar = TarFile(Descriptor(file.fileno(), path), "it")
        tar.scan()
    assert {name: member.size for name, member in tar.members.items()} == {
        NAME: size,
        "index.json": 1,
    }
