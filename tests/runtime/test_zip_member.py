"""Members of zips of strangers are read to the length that they announce, and no further."""

import io
import struct
import tracemalloc
import zipfile

import pytest

from modelbundle.runtime import zip_member

LONG = 64 << 20


def opened(data, *, announced=None, compression=zipfile.ZIP_DEFLATED):
    """A zip of one member, whose directory announces another length."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("a", data)
    content = file.getvalue()
    if announced is not None:
        place = content.index(b"PK\x01\x02") + 24
        content = content[:place] + struct.pack("<I", announced) + content[place + 4 :]
    return zipfile.ZipFile(io.BytesIO(content))


def read(archive, most=LONG):
    return zip_member.read(archive, archive.getinfo("a"), most)


def test_a_member_is_read():
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        assert read(opened(b"data", compression=compression)) == b"data"
    assert read(opened(b"")) == b""


def test_no_more_is_unpacked_than_it_announces():
    archive = opened(bytes(LONG), announced=4)
    tracemalloc.start()
    try:
        with pytest.raises(zipfile.BadZipFile):
            read(archive)
        assert tracemalloc.get_traced_memory()[1] < LONG / 8
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("announced", "most"), [(5, 10), (4, 3)])
def test_a_member_that_is_shorter_or_too_long(announced, most):
    with pytest.raises(zipfile.BadZipFile):
        read(opened(b"data", announced=announced), most)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_is_unpacked_without_a_bound_is_not(compression):
    with pytest.raises(zipfile.BadZipFile, match="neither stored nor deflated"):
        read(opened(b"data", compression=compression))
