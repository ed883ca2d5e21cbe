"""Plain file: reads a user's file, if it is a regular one."""

import os
import stat
from pathlib import Path

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
    if len(data) > most:
        raise ValueError(f"it has more than {most:,} bytes")
    return data
