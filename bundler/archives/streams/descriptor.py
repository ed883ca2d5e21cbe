"""Descriptor: an open file descriptor as source or destination of an archive."""

import os
from dataclasses import dataclass
from pathlib import Path

from ...store.files import disk


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Its errors name `path`, where it has one."""

    number: int
    path: Path

    def write(self, data: bytes | memoryview) -> None:
        """Write every byte."""
        with disk.named(self.path):
            disk.write_all(self.number, data)

    def fileno(self) -> int:
        """The kernel may copy to it."""
        return self.number

    def read(self, size: int) -> bytes:
        """At most `size` bytes."""
        with disk.named(self.path):
            return os.read(self.number, size)

    def readinto(self, buffer: memoryview) -> int:
        """Fill the start of `buffer`; 0 at the end."""
        with disk.named(self.path):
            return os.readv(self.number, [buffer])

    def read_at(self, buffer: memoryview, offset: int) -> int:
        """Fill the start of `buffer` from a place in the file."""
        with disk.named(self.path):
            return os.preadv(self.number, [buffer], offset)
