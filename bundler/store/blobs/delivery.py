"""Delivery: an item from elsewhere, kept aside until all of it is verified.

Every byte is hashed while it is written, and nothing is added to the store before the last file is
complete. Files that the store has already are hashed as well, and not written again.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ....runtime import digest as digests
from ....runtime.manifests.file_entry import FileEntry
from ...errors import Damaged
from ...tag import Kind
from ..files import disk
from ..files.barrier import Barrier
from ..files.hashing import Hashing, Read
from ..files.workspace import Workspace
from ..item import Blob, Item
from ..refs.refs import Refs, check_names, check_same
from .blobs import Blobs
from .ingest import check_room

Advance = Callable[[int], None]


class Delivery:
    """Files of one item on their way into the store; `Store.delivery` makes and ends it."""

    def __init__(
        self,
        blobs: Blobs,
        refs: Refs,
        workspace: Workspace,
        directory: Path,
        commit: Callable[..., Item],
        barrier: Barrier,
    ) -> None:
        self._blobs = blobs
        self._refs = refs
        self._workspace = workspace
        self._directory = directory
        self._commit = commit
        self._barrier = barrier
        self._staged: dict[str, Path] = {}
        self._held: Counter[str] = Counter()
        self.written = 0  # bytes that the store did not have

    @disk.store_errors("read the store")
    def check_free(self, kind: Kind, name: str, version: str, digest: str) -> None:
        """Check that a tag can be given to the item, before any byte is received.

        Raises:
            InvalidTag: when the tag is not valid.
            Refused: when the version exists with other content.
        """
        check_names(name, version, ())
        for item in self._refs.of_name(kind, name):
            if item.version.lower() == version.lower() and not item.damaged:
                check_same(item, replace(item, version=version, digest=digest))

    @disk.store_errors("write to the store")
    def expect(self, blobs: Iterable[Blob]) -> None:
        """Announce the blobs of the item, before any byte is received.

        Raises:
            StoreError: when the disk has no room for the missing ones.
        """
        missing = {blob.digest: blob.size for blob in blobs if not self._has(blob)}
        check_room(sum(missing.values()), self._directory)

    def receive(self, blob: Blob, read: Read, advance: Advance = lambda _: None) -> None:
        """Receive exactly `blob.size` bytes, and compare their digest.

        Raises:
            Damaged: when they are too few, or have another digest.
        """
        if self._has(blob) or blob.digest in self._staged:
            _check(blob, Hashing(blob.size, read, advance).digest())
            return
        path = self._directory / blob.digest.removeprefix("sha256:")
        try:
            _check(blob, _write(path, Hashing(blob.size, read, advance)))
        except BaseException:
            disk.remove(path)
            raise
        self._staged[blob.digest] = path
        self.written += blob.size

    @disk.store_errors("write to the store")
    def commit(
        self, kind: Kind, name: str, config: bytes, files: Sequence[FileEntry], **options: Any
    ) -> Item:
        """Move what was received into the store and publish the item, as `Store.commit` does.

        Raises:
            Damaged: when a file of the item was neither received nor in the store before.
        """
        is_new = not self._blobs.has(digests.of_bytes(config), len(config))
        self.keep()
        item = self._commit(kind, name, config, files, **options)
        self.written += len(config) if is_new else 0
        self._held.subtract(entry.digest for entry in files)  # a commit lets go of each once
        return item

    @disk.store_errors("write to the store")
    def keep(self) -> None:
        """Move the received blobs into the store, where only this process holds them."""
        self._blobs.keep_together(self._staged, self._barrier)
        self._staged.clear()
        disk.sync_directory(self._blobs.directory)

    def release(self) -> None:
        """Release the held blobs; after a commit they are part of an item."""
        with suppress(OSError):  # the first error is more useful
            self._workspace.release(self._held.elements())
        self._held.clear()

    def _has(self, blob: Blob) -> bool:
        """Whether the store has the blob; holds it from now on."""
        self._workspace.hold(blob.digest)
        self._held[blob.digest] += 1
        return self._blobs.has(blob.digest, blob.size)


@disk.store_errors("write to the store")
def _write(path: Path, hashing: Hashing) -> str:
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(chunk: memoryview) -> None:
        with disk.named(path):
            disk.write_all(target, chunk)

    try:
        return hashing.digest(write)
    finally:
        os.close(target)


def _check(blob: Blob, got: str) -> None:
    if got != blob.digest:
        raise Damaged(f"expected {blob.digest}, got {got}")
