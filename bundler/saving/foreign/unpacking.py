"""Unpacking: extracts an untrusted zip or tar to a private directory, completely or not at all.

Only regular files are written, under names of plain parts, each once, by our own reading of the
members: neither `extract` nor `extractall` is ever called. What grows beyond measure is cut off.
"""

import bz2
import errno
import gzip
import lzma
import os
import tarfile
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ....runtime import zip_member
from ...errors import InvalidSource
from ...untrusted.quotation import quoted
from .folder import Folder, is_inside

_MOST = 20_000  # members
_HEADER = 1 << 20  # bytes that a tar may want to read at once
_CHUNK = 1 << 18
_FREE = 1 << 30  # bytes that may come out of any number of bytes
_RATIO = 200  # above that: weights do not compress so well
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,  # a compression that Python lacks
    RuntimeError,  # an encrypted member
    ValueError,
    OverflowError,
    UnicodeError,
)
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO})


def is_archive(path: Path) -> bool:
    """Whether the file is a zip, or a tar, compressed or not; by its content."""
    with path.open("rb") as file:
        head = file.read(8)
    return _is_zip(path) if head.startswith(b"PK\x03\x04") else _is_tar(path, head)


def _is_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # it is one, of which `unpack` says what it lacks
        return True


def _is_tar(path: Path, head: bytes) -> bool:
    try:
        with _plain(path, head) as file:
            return bytes(file.read(tarfile.BLOCKSIZE)[257:262]) == b"ustar"
    except _BROKEN:
        return False


def unpack(path: Path, directory: Path) -> Folder:
    """Write the regular files of an archive into an empty, private `directory`.

    Raises:
        InvalidSource: naming the first member that is not as it should be.
    """
    where = f"`{path}`"
    taken = _Taken(directory, where, _FREE + _RATIO * path.stat().st_size)
    try:
        with path.open("rb") as file:
            head = file.read(8)
        (_unzip if head.startswith(b"PK") else _untar)(path, taken)
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno in _DISK:
            raise
        raise InvalidSource(
            f"{where} is damaged: {str(error) or type(error).__name__}.", hint="Copy it once more."
        ) from error
    return Folder(directory, where)


@dataclass(slots=True)
class _Taken:
    """What was written so far, and how much more may be."""

    directory: Path
    where: str
    left: int
    names: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, file: IO[bytes]) -> None:
        place = self.directory / self._checked(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(number, "wb") as target:
            while chunk := file.read(_CHUNK):
                self.left -= len(chunk)
                if self.left < 0:
                    raise self.refused(name, "it unpacks to far more than it holds")
                target.write(chunk)

    def _checked(self, name: str) -> str:
        if not is_inside(name):
            raise self.refused(name, "it would be written outside of the archive")
        known = self.names.setdefault(_folded(name), name)
        if known != name or (self.directory / name).exists():
            raise self.refused(name, "it appears twice")
        if len(self.names) > _MOST:
            raise self.refused(name, f"{_MOST:,} members come before it")
        return name

    def refused(self, name: str, why: str) -> InvalidSource:
        return InvalidSource(f"{self.where} is refused for its member {quoted(name)}: {why}.")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _unzip(path: Path, taken: _Taken) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            kind = member.external_attr >> 28  # the type bits of a Unix mode, where there is one
            if kind not in {0, 0o10}:
                raise taken.refused(member.filename, "it is a link or a device")
            if member.orig_filename != member.filename:
                raise taken.refused(member.orig_filename, "its name is not one")
            zip_member.check(member)
            with archive.open(member) as file:
                taken.write(member.filename, file)


def _untar(path: Path, taken: _Taken) -> None:
    with path.open("rb") as file:
        head = file.read(8)
    with _plain(path, head) as plain, _opened(_Guarded(plain)) as archive:
        for count, member in enumerate(archive):
            name = member.name.removeprefix("./")
            if count > 2 * _MOST:  # directories, too: a gigabyte of their headers packs into one
                raise taken.refused(name, f"{count:,} members come before it")
            if member.isdir():
                continue
            if member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE} or member.issparse():
                raise taken.refused(name, "it is a link, a device or no plain file")
            file_inside = archive.extractfile(member)
            if file_inside is not None:
                taken.write(name, file_inside)


def _opened(file: Any) -> tarfile.TarFile:
    return tarfile.open(fileobj=file, mode="r:")


def _plain(path: Path, head: bytes) -> Any:
    if head.startswith(b"\x1f\x8b"):
        return gzip.open(path, "rb")
    if head.startswith(b"BZh"):
        return bz2.open(path, "rb")
    return lzma.open(path, "rb") if head.startswith(b"\xfd7zXZ") else path.open("rb")


class _Guarded:
    """A file whose reads are limited in size: a tar header may ask for a gigabyte at once."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.tell, self.seek = file.tell, self._seek

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _HEADER:
            raise tarfile.ReadError("a header asks for too much")
        data: bytes = self._file.read(size)
        return data

    def _seek(self, offset: int, whence: int = 0) -> int:
        return int(self._file.seek(offset, whence))
