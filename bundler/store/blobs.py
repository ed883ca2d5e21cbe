"""Blobs: immutable files named by the sha256 of their bytes."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

from ...runtime import digest as digests
from ..errors import Damaged, StoreError
from . import disk
from .item import Blob
from .workspace import Workspace

_PATIENCE = 20  # looks, 50 ms apart, at a blob that garbage collection may be putting back


class Blobs:
    """`blobs/sha256/`. A blob is held by the workspace before anyone looks whether it is there."""

    def __init__(self, directory: Path, workspace: Workspace) -> None:
        self.directory = directory
        self._workspace = workspace

    def path(self, digest: str) -> Path:
        """Where the blob is, or would be."""
        return self.directory / digest.removeprefix("sha256:")

    def has(self, digest: str, size: int) -> bool:
        """Whether it is there, in full length."""
        try:
            return self.path(digest).stat().st_size == size
        except FileNotFoundError:
            return False

    def find(self, digest: str) -> Path:
        """The blob's path.

        Raises:
            Damaged: when the store has lost it.
        """
        path = self.path(digest)
        for _ in range(_PATIENCE):
            if path.exists():
                return path
            time.sleep(0.05)
        raise Damaged(f"The blob `{digest}` is missing.", hint="See `bundle verify`.")

    def keep(self, temporary: Path, digest: str) -> Blob:
        """Take in a file of ours whose digest is known, unless its bytes are here already."""
        self._workspace.hold(digest)
        descriptor = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            blob = Blob(digest, os.fstat(descriptor).st_size)
            if self.has(digest, blob.size):
                return blob
            with disk.named(temporary):
                os.fchmod(descriptor, disk.BLOB_MODE)
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(self.path(digest))
        return blob

    def keep_bytes(self, data: bytes) -> Blob:
        """Take in bytes."""
        digest = digests.of_bytes(data)
        self._workspace.hold(digest)
        if not self.has(digest, len(data)):
            with self._workspace.file(data) as temporary:
                temporary.chmod(disk.BLOB_MODE)
                temporary.replace(self.path(digest))
        return Blob(digest, len(data))

    def settle(self, blobs: Iterable[Blob]) -> None:
        """Make sure that all are there and stay there, before something refers to them.

        Raises:
            StoreError: when one is missing or has another size.
        """
        for blob in blobs:
            if not self.has(blob.digest, blob.size):
                self.find(blob.digest)
            if not self.has(blob.digest, blob.size):
                raise StoreError(
                    f"The blob `{blob.digest}` does not have {blob.size} bytes.",
                    hint="See `bundle verify`.",
                )
        disk.sync_directory(self.directory)
