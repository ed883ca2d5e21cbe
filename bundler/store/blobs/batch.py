"""Batch: adds many files to the store; all are durable before the first becomes visible."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ....runtime import digest as digests
from ...progress import SILENT, Progress
from ..files import disk
from ..files.barrier import Barrier
from ..files.workspace import Workspace
from ..item import Blob
from .blobs import Blobs
from .ingest import Ingest


class Batch:
    """Collects new blobs outside of the store until it ends; `Store.batch` makes and ends it."""

    def __init__(self, ingest: Ingest, blobs: Blobs, workspace: Workspace, directory: Path) -> None:
        self._ingest = replace(ingest, blobs=self)
        self._blobs = blobs
        self._workspace = workspace
        self._directory = directory
        self._staged: dict[str, Path] = {}

    @disk.store_errors("take the file into the store")
    def ingest(
        self,
        path: Path,
        *,
        move: bool = False,
        progress: Progress = SILENT,
    ) -> Blob:
        """Add a file's bytes, as `Store.ingest` does."""
        return self._ingest.take(path, move=move, progress=progress)

    @disk.store_errors("write to the store")
    def ingest_bytes(self, data: bytes) -> Blob:
        """Add bytes."""
        return self.keep_bytes(data)

    def has(self, digest: str, size: int) -> bool:
        """Whether the blob is in the store, or in this batch."""
        return digest in self._staged or self._blobs.has(digest, size)

    def keep(self, temporary: Path, digest: str) -> Blob:
        """Add a temporary file of this process, whose digest is known, by renaming it."""
        self._workspace.hold(digest)
        blob = Blob(digest, temporary.stat(follow_symlinks=False).st_size)
        if not self.has(digest, blob.size):
            temporary.rename(self._place(digest))
            self._staged[digest] = self._place(digest)
        return blob

    def keep_bytes(self, data: bytes) -> Blob:
        """Add a few bytes; a blob that exists is compared with them."""
        digest = digests.of_bytes(data)
        self._workspace.hold(digest)
        if digest not in self._staged and not self._blobs.has_bytes(digest, data):
            disk.write(self._place(digest), data, disk.BLOB_MODE, durable=False)
            self._staged[digest] = self._place(digest)
        return Blob(digest, len(data))

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Move everything into the store when the block ends without an exception."""
        with Barrier(self._directory) as barrier:
            yield
            with disk.store_errors("take the files into the store"):
                self._blobs.keep_together(self._staged, barrier)

    def _place(self, digest: str) -> Path:
        return self._directory / digest.removeprefix("sha256:")
