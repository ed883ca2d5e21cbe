"""Plain file: reads a user's file, up to a size."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

_LARGEST = 32 << 20  # bytes: no lock of anybody is larger


def read(path: Path, most: int = _LARGEST) -> bytes:
    """The bytes of a regular file; a pipe is not waited for, and a device has no end.

    Raises:
        OSError: when it cannot be read.
        ValueError: when it is not a regular file, or a larger one than anybody keeps.
    """
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(number, "rb") as file:  # noqa: PTH123  a descriptor
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise ValueError("it is not a regular file")
        data = file.read(most + 1)
    return _checked(data, most)


def read_stream(stream: BinaryIO, most: int = _LARGEST) -> bytes:
    """The bytes up to the end of a file, a pipe or stdin; raises ValueError for more than `most`.

    Raises:
        OSError: when it cannot be read.
    """
    return _checked(stream.read(most + 1), most)


def _checked(data: bytes, most: int) -> bytes:
    if len(data) > most:
        raise ValueError(f"it has more than {most:,} bytes")
    return data
