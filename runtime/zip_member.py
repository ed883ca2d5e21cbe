"""Zip member: reads members of untrusted zips, of which no more is unpacked than they announce.

`ZipFile.read` unpacks all that is there, and compares it with the announced size only then. bzip2
and LZMA are unpacked without any bound: of two kilobytes come gigabytes.
"""

from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo


def check(member: ZipInfo) -> None:
    """Raises BadZipFile for a member that is neither stored nor deflated."""
    if member.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        raise BadZipFile(f"{member.filename!r} is neither stored nor deflated")


def read(archive: ZipFile, member: ZipInfo, most: int) -> bytes:
    """The bytes of a member, `most` at most.

    Raises:
        BadZipFile: for a longer one, one that is not as long as announced, or compressed otherwise.
    """
    check(member)
    if member.file_size > most:
        raise BadZipFile(f"{member.filename!r} is longer than {most} bytes")
    with archive.open(member) as file:
        data = file.read(member.file_size)
    if len(data) != member.file_size:
        raise BadZipFile(f"{member.filename!r} is shorter than announced")
    return data
