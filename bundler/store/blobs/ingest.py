"""Ingest: adds files as blobs, and hashes each byte once."""

import hashlib
import os
import shutil
import stat as modes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ....runtime.digest import CHUNK
from ...errors import InvalidSource, StoreError
from ...progress import Progress
from ..files import disk
from ..files.placing import clone
from ..files.workspace import Workspace
from ..item import Blob
from .memo import Memo

Advance = Callable[[int], None]
_SMALL = 1 << 16  # bytes of a file that is read at once


class BlobSink(Protocol):
    """The destination of blobs: the store (`Blobs`), or a `Batch`."""

    def has(self, digest: str, size: int) -> bool:
        """Whether the blob exists."""

    def keep(self, temporary: Path, digest: str) -> Blob:
        """Add a temporary file of this process."""

    def keep_bytes(self, data: bytes) -> Blob:
        """Add bytes."""


@dataclass(frozen=True, slots=True)
class Ingest:
    """Adds files as blobs: temporary files by renaming, others by a private copy that is hashed."""

    blobs: BlobSink
    memo: Memo
    workspace: Workspace

    def take(self, path: Path, *, move: bool, progress: Progress) -> Blob:
        """Add a regular file; returns its blob. With `move`, the file may be renamed away."""
        if move and (own := self._claim(path)):
            return self._take_own(own, path.name, progress)
        blob = self._copy(path, progress)
        if move:
            disk.remove(path)
        return blob

    def _claim(self, path: Path) -> Path | None:
        """Move `path` to a private place; None where only a copy is safe."""
        stat = path.lstat()
        if not modes.S_ISREG(stat.st_mode) or stat.st_nlink > 1:
            return None
        own = self.workspace.new()
        try:
            path.rename(own)
        except OSError:
            return None  # another file system, or not ours to move
        return own

    def _take_own(self, own: Path, name: str, progress: Progress) -> Blob:
        try:
            with (
                own.open("rb", buffering=0) as source,
                progress.meter(name, own.stat().st_size) as meter,
            ):
                return self.blobs.keep(own, _digest(own, source.fileno(), meter.advance))
        finally:
            disk.remove(own)

    def _copy(self, path: Path, progress: Progress) -> Blob:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            before = os.fstat(descriptor)
            if not modes.S_ISREG(before.st_mode):
                raise InvalidSource(f"`{path}` is not a regular file.")
            if before.st_size <= _SMALL:
                return self._take_small(path, descriptor, progress)
            return self._remembered(before) or self._copy_open(path, descriptor, progress)
        finally:
            os.close(descriptor)

    def _take_small(self, path: Path, descriptor: int, progress: Progress) -> Blob:
        """Add a small file by reading it whole, which is as fast as looking up its digest."""
        before = os.fstat(descriptor)
        with progress.meter(path.name, before.st_size) as meter:
            data = os.read(descriptor, _SMALL)
            meter.advance(len(data))
        _check_unchanged(path, before, os.fstat(descriptor))
        if len(data) != before.st_size:
            raise _changed(path)
        return self.blobs.keep_bytes(data)

    def _remembered(self, stat: os.stat_result) -> Blob | None:
        digest = self.memo.get(stat)
        if digest is None:
            return None
        self.workspace.hold(digest)
        if self.blobs.has(digest, stat.st_size):
            return Blob(digest, stat.st_size)
        self.workspace.release([digest])
        return None

    def _copy_open(self, path: Path, descriptor: int, progress: Progress) -> Blob:
        before = os.fstat(descriptor)
        own = self.workspace.new()
        try:
            with progress.meter(path.name, before.st_size) as meter:
                digest = self._copy_bytes(path, descriptor, own, meter.advance)
            _check_unchanged(path, before, os.fstat(descriptor))
            now = own.stat().st_mtime_ns
            blob = self.blobs.keep(own, digest)
        finally:
            disk.remove(own)
        self.memo.put(before, blob.digest, now)
        return blob

    def _copy_bytes(self, path: Path, source: int, own: Path, advance: Advance) -> str:
        if clone(path, own, 0o600):
            with own.open("rb", buffering=0) as file:
                return _digest(path, file.fileno(), advance)
        check_room(os.fstat(source).st_size, own.parent)
        target = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with disk.named(own):
                return _digest(path, source, advance, lambda chunk: disk.write_all(target, chunk))
        finally:
            os.close(target)


def _digest(
    path: Path, source: int, advance: Advance, also: Callable[[memoryview], None] = lambda _: None
) -> str:
    running, buffer = hashlib.sha256(), memoryview(bytearray(CHUNK))
    left = os.fstat(source).st_size
    while left >= 0 and (count := os.readv(source, [buffer])):  # a growing file is not chased
        running.update(buffer[:count])
        also(buffer[:count])
        advance(count)
        left -= count
    if left:
        raise _changed(path)
    return "sha256:" + running.hexdigest()


def check_room(needed: int, directory: Path) -> None:
    """Check the free space before writing.

    Raises:
        StoreError: when the disk of `directory` has fewer than `needed` bytes free.
    """
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise StoreError(
            f"`{directory}` needs {needed:,} bytes and has {free:,} free (ENOSPC).",
            hint="Free some space; `bundle gc` removes what nothing refers to.",
        )


def _check_unchanged(path: Path, before: os.stat_result, after: os.stat_result) -> None:
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise _changed(path)


def _changed(path: Path) -> StoreError:
    return StoreError(f"`{path}` changed while it was read.", hint="Save it again.")
