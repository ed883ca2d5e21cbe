"""Barrier: syncs many files at once where the file system can, else one by one.

A sync of a file is a turn of the journal: a hundred thousand of them take minutes, and one of the
whole file system a second. It is as good as they are only where it writes everything that is
dirty and says so when it could not: that is known of the kinds below, since Linux 5.8.
"""

import ctypes
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from . import disk

_FEW = 64  # files that are synced one by one, for all else on the disk may be much
_TELLS = (5, 8)  # Linux since which `syncfs` reports what could not be written
_WHOLE = {0xEF53, 0x58465342, 0x9123683E, 0x01021994}  # linux/magic.h: ext4, XFS, btrfs, tmpfs
_LONG = ctypes.sizeof(ctypes.c_long)
_STATFS = 256  # bytes; the largest `struct statfs` has 120


class Barrier:
    """Of the file system of one directory; opened before the first byte is written there.

    What the system could not write since it was opened is told by `sync`, and by nothing else.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def sync(self, paths: Sequence[Path]) -> None:
        """Make files below the directory survive a power cut, their modes included.

        Raises:
            OSError: when the system could not write one of them.
        """
        if len(paths) > _FEW and _has_syncfs(self._descriptor):
            with disk.named(self._directory):
                _check(_libc().syncfs(self._descriptor))
            return
        for path in paths:
            disk.sync_file(path)

    def close(self) -> None:
        """Let go of the directory."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _has_syncfs(descriptor: int) -> bool:
    """Whether one call for all is as good as one for each."""
    if not hasattr(_libc(), "syncfs") or _release() < _TELLS:
        return False
    about = ctypes.create_string_buffer(_STATFS)
    if _libc().fstatfs(descriptor, about):
        return False
    return int.from_bytes(about.raw[:_LONG], sys.byteorder) in _WHOLE


def _release() -> tuple[int, ...]:
    """Of the kernel: (5, 8)."""
    return tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
