"""Zip directory: checks that all readers find the same member list in a zip.

Python reads the ZIP64 record right before its locator, torch the one that the locator points to,
and only Python accepts bytes in front of a zip. So in a forged file each would read other members.
Source: PKWARE's APPNOTE.TXT, 4.3.14 to 4.3.16.
"""

import io
import struct
from typing import IO, Any

_END = struct.Struct("<4s4H2IH")
_LOCATOR = struct.Struct("<4sIQI")
_RECORD = struct.Struct("<4sQ2H2I4Q")


def is_plain(file: IO[bytes]) -> bool:
    """Whether all readers find the same directory, right before the end of the file."""
    size = file.seek(0, io.SEEK_END)
    if size < _END.size:
        return False
    last = size - _END.size
    magic, *_, length, start, comment = _read(file, _END, last)
    if magic != b"PK\x05\x06" or comment:
        return False
    place = last - _LOCATOR.size
    if place >= _RECORD.size:
        name, _, place_of_record, _ = _read(file, _LOCATOR, place)
        if name == b"PK\x06\x07":
            last = place - _RECORD.size
            magic, *_, length, start = _read(file, _RECORD, last)
            if magic != b"PK\x06\x06" or place_of_record != last:
                return False
    return bool(start + length == last)


def _read(file: IO[bytes], kind: struct.Struct, place: int) -> tuple[Any, ...]:
    file.seek(place)
    return kind.unpack(file.read(kind.size))
