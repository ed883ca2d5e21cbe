"""What leaves the store is what its name says, whoever copies it: we, or the kernel for us."""

import hashlib
import os

import pytest

from modelbundle.bundler.archives.streams.copying import copy
from modelbundle.bundler.archives.streams.descriptor import Descriptor
from modelbundle.bundler.errors import Damaged
from modelbundle.bundler.store import Blob
from modelbundle.runtime import digest as digests

SMALL, LARGE = b"x" * 1000, bytes(range(256)) * ((2 * digests.CHUNK + 512) // 256)


class Kept:
    """A sink that no kernel writes to."""

    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data

    def fileno(self):
        return None


@pytest.fixture(params=["file", "appended", "memory"])
def copied(request, tmp_path):
    """Copy a blob that lies there as other bytes; what arrives, and how far it was told."""

    def run(data, lying):
        blob, path = Blob.of_bytes(data), tmp_path / "blob"
        path.write_bytes(lying)
        told = []
        if request.param == "memory":
            sink = Kept()
            copy(blob, path, sink, told.append)
            return sink.data, sum(told)
        appends = os.O_APPEND if request.param == "appended" else 0  # to which no kernel copies
        number = os.open(tmp_path / "copy", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | appends)
        try:
            copy(blob, path, Descriptor(number, tmp_path / "copy"), told.append)
        finally:
            os.close(number)
        return (tmp_path / "copy").read_bytes(), sum(told)

    return run


@pytest.mark.parametrize("data", [b"", b"1", SMALL, LARGE, LARGE[: digests.CHUNK]])
def test_a_copy_is_the_same_and_is_told(copied, data):
    assert copied(data, data) == (data, len(data))
    assert copied(data, data + b"more") == (data, len(data))


@pytest.mark.parametrize("data", [SMALL, LARGE])
@pytest.mark.parametrize("change", ["cut", "empty", "first", "last"])
def test_other_bytes_than_its_name_says_are_damage(copied, data, change):
    lying = {
        "cut": data[:-1],
        "empty": b"",
        "first": b"\xff" + data[1:],
        "last": data[:-1] + b"\xfe",
    }[change]
    assert hashlib.sha256(lying).digest() != hashlib.sha256(data).digest()
    with pytest.raises(Damaged, match="has changed: expected sha256:"):
        copied(data, lying)
