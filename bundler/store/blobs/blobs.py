"""Blobs: immutable files named by the sha256 of their bytes."""

import os
import stat as modes
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from ....runtime import digest as digests
from ...errors import Damaged, StoreError
from ..files import disk
from ..files.barrier import Barrier
from ..files.workspace import Workspace
from ..item import Blob
from .marks import Marks

T = TypeVar("T")
_PATIENCE = 20  # looks, 50 ms apart, at a blob that garbage collection may be putting back


class Blobs:
    """The folder `blobs/sha256/`. The workspace holds a blob before it is looked for."""

    def __init__(self, directory: Path, marks: Marks, workspace: Workspace) -> None:
        self.directory = directory
        self.marks = marks
        self._workspace = workspace

    def path(self, digest: str) -> Path:
        """The path of the blob, whether or not it exists."""
        return self.directory / digest.removeprefix("sha256:")

    def all(self) -> dict[Path, int]:
        """The files in the folder, and their sizes in bytes; sound or not."""
        found: dict[Path, int] = {}
        with suppress(FileNotFoundError), os.scandir(self.directory) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # collected meanwhile
                    found[Path(entry.path)] = entry.stat(follow_symlinks=False).st_size
        return found

    def has(self, digest: str, size: int) -> bool:
        """Whether the blob exists, has its full length, and is not marked as damaged."""
        try:
            about = self.path(digest).lstat()
        except FileNotFoundError:
            return False
        is_whole = modes.S_ISREG(about.st_mode) and about.st_size == size
        return is_whole and not self.marks.has(digest)

    def find(self, digest: str) -> Path:
        """The blob's path.

        Raises:
            Damaged: when the blob is missing, or verification has found it damaged.
        """
        path = self.path(digest)
        for _ in range(_PATIENCE):
            if path.is_file():
                break
            time.sleep(0.05)
        else:
            raise Damaged(f"The blob `{digest}` is missing.", hint="See `bundle verify`.")
        if self.marks.has(digest):
            self._check_again(path, digest)
        return path

    def read(self, digest: str) -> bytes:
        """The bytes of a small blob, compared with its digest; raises Damaged if they differ."""
        data = self.use(digest, disk.read_whole)
        if digests.of_bytes(data) != digest:
            raise _changed(self.path(digest), digest, digests.of_bytes(data))
        return data

    def use(self, digest: str, action: Callable[[Path], T]) -> T:
        """Call `action` with a blob's path; again if garbage collection had moved the blob away."""
        try:
            return action(self.find(digest))
        except FileNotFoundError:
            return action(self.find(digest))

    def keep(self, temporary: Path, digest: str) -> Blob:
        """Add a temporary file of this process, whose digest is known, unless the blob exists."""
        self._workspace.hold(digest)
        with _sealed(temporary) as descriptor:
            blob = Blob(digest, os.fstat(descriptor).st_size)
            if self.has(digest, blob.size):
                return blob
            os.fsync(descriptor)
        temporary.replace(self.path(digest))
        self.marks.set(digest, damaged=False)
        return blob

    def keep_together(self, staged: Mapping[str, Path], barrier: Barrier) -> None:
        """Add temporary files that are held: all are durable before the first is renamed."""
        for temporary in staged.values():
            with _sealed(temporary):
                pass
        barrier.sync(list(staged.values()))
        for digest, temporary in staged.items():
            temporary.replace(self.path(digest))
            self.marks.set(digest, damaged=False)

    def keep_bytes(self, data: bytes) -> Blob:
        """Add a few bytes; a blob that exists is compared with them."""
        digest = digests.of_bytes(data)
        self._workspace.hold(digest)
        if not self.has_bytes(digest, data):
            with self._workspace.file(data, disk.BLOB_MODE) as temporary:
                temporary.replace(self.path(digest))
            self.marks.set(digest, damaged=False)
        return Blob(digest, len(data))

    def settle(self, blobs: Iterable[Blob]) -> None:
        """Check that all blobs exist and are held, before a ref or manifest refers to them.

        Raises:
            Damaged: when one is missing.
            StoreError: when one has another size than its entry says.
        """
        for blob in blobs:
            if not self.has(blob.digest, blob.size) and (
                self.find(blob.digest).stat().st_size != blob.size
            ):
                raise StoreError(
                    f"The blob `{blob.digest}` does not have {blob.size} bytes.",
                    hint="See `bundle verify`.",
                )
        disk.sync_directory(self.directory)

    def _check_again(self, path: Path, digest: str) -> None:
        got = digests.of_file(path)
        if got != digest:
            raise _changed(path, digest, got)
        self.marks.set(digest, damaged=False)

    def has_bytes(self, digest: str, data: bytes) -> bool:
        """Whether the blob exists with exactly these bytes."""
        try:
            path = self.path(digest)
            return not path.is_symlink() and disk.read_whole(path) == data
        except FileNotFoundError:
            return False


@contextmanager
def _sealed(temporary: Path) -> Iterator[int]:
    """Open a complete temporary file, read-only; errors name it."""
    descriptor = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        with disk.named(temporary):
            os.fchmod(descriptor, disk.BLOB_MODE)
            yield descriptor
    finally:
        os.close(descriptor)


def _changed(path: Path, digest: str, got: str) -> Damaged:
    return Damaged(
        f"`{path}` has changed: expected {digest}, got {got}.",
        hint="See what is affected with `bundle verify`; saving the same again mends it.",
    )
