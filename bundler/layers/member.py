"""Member: one file, link or folder of a layer, without owner, time or umask."""

import tarfile
from dataclasses import dataclass
from pathlib import Path

TIME = 315_532_800  # 1980-01-01T00:00:00Z, the first second that a zip archive can say
MOMENT = "1980-01-01T00:00:00Z"
_LONGEST, _LARGEST = 100, 8**11  # characters of a name and bytes of a content, in a plain header
_OWNER, _TIME = 2 * b"0000000\0", b"%011o\0" % TIME
_REST = (bytes(100) + b"ustar\x0000").ljust(355, b"\0")  # no link, no names of an owner
_REST_SUM = sum(_REST) + 8 * ord(" ")  # the checksum is that of a header with spaces in its place


@dataclass(frozen=True, slots=True)
class Member:
    """A path in the image, without its leading slash, and what lies there.

    content     a file of this machine, or bytes; None for a folder or a link
    size        bytes of the content
    executable  whether it may be run
    digest      of the content; "" if it is unknown
    link        where a symbolic link points
    """

    path: str
    content: Path | bytes | None = None
    size: int = 0
    executable: bool = False
    digest: str = ""
    link: str = ""

    @classmethod
    def of_bytes(cls, path: str, data: bytes) -> "Member":
        """A small file with this content."""
        return cls(path, data, len(data))

    @property
    def is_folder(self) -> bool:
        """Whether it is a directory."""
        return self.content is None and not self.link

    def header(self) -> bytes:
        """Its tar header: owned by root, from 1980, with one of two modes.

        POSIX.1-2001 (pax): a name of any length and alphabet, a size of any number of bytes. Most
        are plain, and written here: an image has ten thousand, and `tarfile` takes 40 us for each.
        """
        name = f"{self.path}/" if self.is_folder else self.path
        if self.link or not name.isascii() or len(name) > _LONGEST or self.size >= _LARGEST:
            return self._extended()
        mode = b"0000755" if self.executable or self.is_folder else b"0000644"
        kind = tarfile.DIRTYPE if self.is_folder else tarfile.REGTYPE
        start = b"%b%b\0%b%011o\0%b" % (
            name.encode().ljust(100, b"\0"),
            mode,
            _OWNER,
            self.size,
            _TIME,
        )
        checksum = sum(start) + sum(kind) + _REST_SUM
        return b"%b%06o\0 %b%b" % (start, checksum, kind, _REST)

    def _extended(self) -> bytes:
        """The header where a plain one has no room, or another alphabet."""
        info = tarfile.TarInfo(self.path)
        info.mtime, info.size = TIME, self.size
        info.mode = 0o755 if self.executable or self.is_folder else 0o644
        if self.link:
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, self.link, 0o777
        elif self.is_folder:
            info.type = tarfile.DIRTYPE
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
