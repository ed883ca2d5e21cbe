"""Every member is looked at before it is named; what may be in an archive is limited."""

import hashlib
import io

import pytest

from modelbundle.bundler.archives.contents import layout
from modelbundle.bundler.archives.tar.header import END, TarHeader, padding
from modelbundle.bundler.archives.tar.reader import TarReader
from modelbundle.bundler.errors import InvalidArchive


def member(number, size=0):
    name = layout.blob_name("sha256:" + hashlib.sha256(b"%d" % number).hexdigest())
    return TarHeader(name, size).encode() + bytes(size + padding(size))


def read(data):
    file = io.BytesIO(data)
    return list(TarReader(file.readinto, lambda count: file.seek(count, 1), "`a`").members())


def test_no_more_members_than_an_archive_may_have(monkeypatch):
    monkeypatch.setattr(layout, "MOST", 3)
    members = [member(number, number) for number in range(4)]
    assert [each.size for each in read(b"".join(members[:3]) + END)] == [0, 1, 2]
    with pytest.raises(InvalidArchive, match="follows 3 members"):
        read(b"".join(members) + END)


def test_no_more_bytes_than_an_archive_may_have(monkeypatch):
    monkeypatch.setattr(layout, "LARGEST", 1000)
    assert len(read(member(1, 500) + member(2, 500) + END)) == 2
    for sizes in ((1001,), (500, 501)):
        with pytest.raises(InvalidArchive, match=f"has {sizes[-1]:,} bytes"):
            read(b"".join(member(*each) for each in enumerate(sizes)) + END)


@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
def test_documents_have_limits_of_their_own(name):
    limit = layout.LIMITS[name]
    for size, is_taken in ((limit, True), (limit + 1, False)):
        data = TarHeader(name, size).encode() + bytes(size + padding(size)) + END
        if is_taken:
            assert [each.size for each in read(data)] == [size]
        else:
            with pytest.raises(InvalidArchive, match=f"has {size:,} bytes"):
                read(data)


def test_zeros_behind_its_end_are_those_of_one_record():
    whole = member(1) + END
    assert len(read(whole + bytes(1 << 20))) == 1
    with pytest.raises(InvalidArchive, match="after the end"):
        read(whole + bytes((1 << 20) + 1))
    with pytest.raises(InvalidArchive, match="after the end"):
        read(whole + bytes(1000) + b"x")
