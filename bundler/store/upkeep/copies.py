"""Copies: places where lost bytes of the store may be found."""

import os
import stat as modes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ....runtime import digest as digests
from ..files.hashing import Read
from ..item import Blob

Offer = Callable[[Blob, Read], None]
"""Called with a copy; takes it if its bytes have the digest."""


class Copies(Protocol):
    """A place with copies. It is not trusted: the bytes are hashed."""

    def offer(self, wanted: Mapping[str, int | None], offer: Offer) -> None:
        """Call `offer` with possible copies of these digests, given with their sizes if known."""


@dataclass(frozen=True, slots=True)
class FolderCopies:
    """The regular files below a directory, with any names: trees, or an unpacked bundle."""

    directory: Path

    def offer(self, wanted: Mapping[str, int | None], offer: Offer) -> None:
        """Offer every file that has the size of a wanted blob."""
        sizes = set(wanted.values())
        for parent, folders, names in os.walk(self.directory):
            folders.sort()
            for name in sorted(names):
                _look(Path(parent, name), wanted, sizes, offer)


@dataclass(frozen=True, slots=True)
class LinkedCopies:
    """What links in the place of blobs lead to: files that somebody has moved to another disk."""

    blobs: Path

    def offer(self, wanted: Mapping[str, int | None], offer: Offer) -> None:
        """Offer the file behind each wanted blob that is a link."""
        for digest in wanted:
            path = self.blobs / digest.removeprefix("sha256:")
            if path.is_symlink():
                _look(Path(os.path.realpath(path)), wanted, {None}, offer)


def _look(
    path: Path, wanted: Mapping[str, int | None], sizes: set[int | None], offer: Offer
) -> None:
    try:
        stat = path.lstat()
        if not modes.S_ISREG(stat.st_mode) or not (None in sizes or stat.st_size in sizes):
            return
        digest = digests.of_file(path)
        if digest not in wanted:
            return
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return  # what cannot be read is no copy
    try:
        offer(Blob(digest, stat.st_size), lambda buffer: os.readv(number, [buffer]))
    finally:
        os.close(number)
