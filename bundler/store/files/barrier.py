"""Barrier: syncs many files at once where the file system can, else one by one.

Each fsync commits the journal: a hundred thousand take minutes, one syncfs of the file system takes
a second. syncfs replaces them only if it writes all dirty data and reports errors, as the file
systems below do since Linux 5.8.
"""

import ctypes
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from . import disk

_FEW = 64  # files that are synced one by one, because syncfs also writes all other data of the disk
_TELLS = (5, 8)  # Linux since which `syncfs` reports what could not be written
_WHOLE = {0xEF53, 0x58465342, 0x9123683E, 0x01021994}  # linux/magic.h: ext4, XFS, btrfs, tmpfs
_LONG = ctypes.sizeof(ctypes.c_long)
_STATFS = 256  # bytes; the largest `struct statfs` has 120


class Barrier:
    """Syncs the file system of one directory; open it before the first byte is written.

    `sync` reports the write errors of the kernel since it was opened, which nothing else reports.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def sync(self, paths: Sequence[Path]) -> None:
        """Make files below the directory durable, with their modes.

        Raises:
            OSError: when one of them could not be written.
        """
        if len(paths) > _FEW and _has_syncfs(self._descriptor):
            with disk.named(self._directory):
                _check(_libc().syncfs(self._descriptor))
            return
        for path in paths:
            disk.sync_file(path)

    def close(self) -> None:
        """Close the directory."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _has_syncfs(descriptor: int) -> bool:
    """Whether syncfs is as reliable as an fsync of each file."""
    if not hasattr(_libc(), "syncfs") or _release() < _TELLS:
        return False
    about = ctypes.create_string_buffer(_STATFS)
    if _libc().fstatfs(descriptor, about):
        return False
    return int.from_bytes(about.raw[:_LONG], sys.byteorder) in _WHOLE


def _release() -> tuple[int, ...]:
    """The version of the kernel, such as (5, 8)."""
    return tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
