"""TarHeader: the 512-byte header of a member; any bit that is not canonical is refused.

Only plain files and directories are read. Links, devices, sparse files, long names and pax records
are refused: no archive needs them, as member names have at most 77 bytes.
"""

from dataclasses import dataclass
from typing import Self

BLOCK = 512
END = bytes(2 * BLOCK)

_NAME, _MODE, _SIZE, _SUM, _KIND = (
    slice(100), slice(100, 108), slice(124, 136), slice(148, 156), slice(156, 157),
)  # fmt: skip
_LINK, _MAGIC, _PREFIX = slice(157, 257), slice(257, 265), slice(345, 512)
_MAGICS = (b"ustar\x0000", b"ustar  \x00")  # POSIX, and GNU tar by default
_FILE, _OLD_FILE, _DIRECTORY = b"0", b"\x00", b"5"
_OCTAL = 8**11  # bytes: what eleven octal digits cannot say is said in base 256
_WHAT = {
    b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device",
    b"6": "a pipe", b"7": "a contiguous file", b"g": "a pax record", b"x": "a pax record",
    b"K": "a long link", b"L": "a long name", b"S": "a sparse file",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TarHeader:
    """A regular file or a directory."""

    name: str
    size: int
    is_directory: bool = False

    def encode(self) -> bytes:
        """The block: no owner, no time, one mode."""
        header = bytearray(BLOCK)
        header[: len(self.name)] = self.name.encode("ascii")
        header[_MODE] = b"0000644\x00"
        header[108:124] = b"0000000\x000000000\x00"  # owner and group
        header[_SIZE] = _encoded(self.size)
        header[136:148] = b"00000000000\x00"  # time
        header[_KIND] = _FILE
        header[_MAGIC] = _MAGICS[0]
        header[_SUM] = b"%06o\x00 " % _checksum(header)
        return bytes(header)

    @classmethod
    def decode(cls, block: bytes) -> Self:
        """Read a block; raises ValueError with a predicate: what is wrong with the member."""
        if block[_SUM] != b"%06o\x00 " % _checksum(block):
            raise ValueError("has a damaged header")
        name, _, rest = block[_NAME].partition(b"\x00")
        if block[_KIND] not in {_FILE, _OLD_FILE, _DIRECTORY}:
            kind = _WHAT.get(block[_KIND], "of an unknown kind")
            raise ValueError(f"is {kind}; only files and directories are read")
        if block[_MAGIC] not in _MAGICS:
            raise ValueError("has a header of another tar format than ustar and GNU")
        if any(rest) or any(block[_LINK]) or any(block[_PREFIX]):
            raise ValueError("has a link, a prefix or other text in its header")
        is_directory = block[_KIND] == _DIRECTORY
        size = _size(block[_SIZE])
        if is_directory and size:
            raise ValueError("is a directory with a size")
        return cls(name.decode("ascii", "backslashreplace"), size, is_directory)


def named(block: bytes) -> bytes:
    """The member name in a header, for an error message."""
    return block[_NAME].partition(b"\x00")[0]


def padding(size: int) -> int:
    """Bytes of zeros between a member of `size` bytes and the next header."""
    return -size % BLOCK


def _checksum(block: bytes | bytearray) -> int:
    return sum(block) - sum(block[_SUM]) + 8 * ord(" ")


def _encoded(size: int) -> bytes:
    if size < _OCTAL:
        return b"%011o\x00" % size
    return b"\x80" + size.to_bytes(11, "big")


def _size(field: bytes) -> int:
    if field[0] == 0x80:  # noqa: PLR2004 - base 256, as GNU tar and Go write it
        return int.from_bytes(field[1:], "big")
    return _number(field)


def _number(field: bytes) -> int:
    digits = field.strip(b" \x00")
    if not digits or digits.strip(b"01234567"):
        raise ValueError("has a damaged header")
    return int(digits, 8)
