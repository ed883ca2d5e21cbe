"""Directory: an OCI image layout that several machines may share, over NFS for example."""

import errno
import hashlib
import os
import stat as modes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ....runtime import digest as digests
from ...errors import Damaged, RegistryError
from ...progress import SILENT, Progress
from ...store import Blob, drafts, turn
from ...store.files import disk, layout
from ..http.limits import Limits
from ..reference import DirectoryReference
from .content import Content
from .index import Index
from .layout_remote import LayoutRemote, blob_name, changed
from .remote import Advance, Stream, Way

_LOOKS = 5  # attempts to write an index, where locks have no effect


class Directory(LayoutRemote):
    """On disk: blobs are written to a temporary file, synced, renamed; the index is last."""

    def __init__(self, reference: DirectoryReference, limits: Limits = Limits()) -> None:  # noqa: B008
        super().__init__(reference, str(reference.path), limits)
        self._root = reference.path
        self.progress: Progress = SILENT  # of whoever publishes here

    def has(self, blob: Blob) -> bool:
        """Whether the directory has the complete blob."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return self._path(blob.digest).stat().st_size == blob.size
        return False

    def read(self, blob: Blob, offset: int) -> Stream:
        """Begin to read a blob."""
        pieces = self._pieces(blob, offset)
        return Stream(offset, pieces, pieces.close)

    def _pieces(self, blob: Blob, offset: int) -> "Any":
        try:
            with _opened(self._path(blob.digest)) as descriptor:
                size = os.fstat(descriptor).st_size
                if size != blob.size:
                    raise Damaged(
                        f"The blob `{blob.digest}` has {size:,} bytes in `{self._root}`; its "
                        f"manifest says {blob.size:,}."
                    )
                os.lseek(descriptor, offset, os.SEEK_SET)
                while part := os.read(descriptor, digests.CHUNK):
                    self._check_cut()
                    yield part
        except FileNotFoundError as error:
            raise RegistryError(f"`{self._root}` lacks the blob `{blob.digest}`.") from error

    def send(self, blob: Blob, path: Path, advance: Advance) -> Way:
        """Copy a blob, and hash it meanwhile."""
        with _opened(path) as reading:
            return self._take(blob, iter(lambda: os.read(reading, digests.CHUNK), b""), advance)

    def upload(
        self, blob: Blob, content: Content, advance: Advance, source: str | None = None
    ) -> Way:
        """Write a blob that need not be a file; see `Registry.upload`."""
        del source  # a directory has one place for everything
        return self._take(blob, content.read(0, blob.size), advance)

    def _take(self, blob: Blob, parts: Iterator[bytes], advance: Advance) -> Way:
        temporary = drafts.new(self._root)
        try:
            self._copy(blob, parts, temporary, advance)
            temporary.replace(self._path(blob.digest))  # durable with the manifest's, which is last
        finally:
            disk.remove(temporary)
        return "sent"

    def prepare(self) -> None:
        """Create the layout, unless the directory is one.

        Raises:
            RegistryError: when it contains something else, or is a store.
        """
        if (self._root / "layout.json").exists():
            raise RegistryError(
                f"`{self._root}` is a store; what is in it is for its own commands.",
                hint="Choose another directory.",
            )
        marker = self._root / "oci-layout"
        disk.make_directories(self._root, durable=True)
        drafts.clear(self._root)
        found = [path for path in self._root.iterdir() if not path.name.startswith(".")]
        if found and not marker.is_file():
            raise RegistryError(
                f"`{self._root}` has files in it and is not an OCI layout.",
                hint="Choose an empty directory, or one that does not exist yet.",
            )
        if not marker.exists():
            self._write(marker.name, layout.OCI)
        disk.make_directories(self._root / "blobs" / "sha256", durable=True)

    def publish(
        self, manifest: bytes, tags: Sequence[str], over: Sequence[str | None] = ()
    ) -> None:
        """Put the manifest's digest into the index under every name; see `Remote`."""
        wanted = digests.of_bytes(manifest)
        self._write(blob_name(wanted), manifest)
        for _ in range(_LOOKS):
            with turn.taken(self._root / ".index.turn", progress=self.progress):
                index = self._index()
                index.expect(tags, [*over, wanted] if over else ())
                if (fresh := index.moved(manifest, tags)) != index:
                    self._write("index.json", fresh.encode())
            if all(self.digest(tag) == wanted for tag in tags):
                return
        raise RegistryError(
            f"Other processes write the index of `{self._where}` all the time; try again."
        )

    def _copy(self, blob: Blob, parts: Iterator[bytes], target: Path, advance: Advance) -> None:
        running = hashlib.sha256()
        with _created(target) as writing:
            for part in parts:
                self._check_cut()
                running.update(part)
                with disk.named(target):
                    disk.write_all(writing, part)
                advance(len(part))
            got = "sha256:" + running.hexdigest()
            if got != blob.digest:
                raise changed(blob.digest, got)
            with disk.named(target):
                os.fsync(writing)

    def _write(self, name: str, data: bytes) -> None:
        temporary, path = drafts.new(self._root), self._root / name
        try:
            disk.write(temporary, data)
            temporary.replace(path)
            disk.settle_directory(path.parent)
        finally:
            disk.remove(temporary)

    def _path(self, digest: str) -> Path:
        return self._root / blob_name(digest)

    def _without_index(self) -> Index:
        if (self._root / "oci-layout").is_file():
            return Index.empty()
        raise RegistryError(
            f"`{self._root}` is not an OCI layout.",
            hint="Name a directory that is one, such as `bundle push` and `bundle vendor` write.",
        )

    def _read(self, name: str, limit: int) -> bytes | None:
        try:
            with _opened(self._root / name) as descriptor:
                return os.read(descriptor, limit)
        except (FileNotFoundError, NotADirectoryError):
            return None


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A regular file, never a link or a pipe."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise RegistryError(f"`{path}` is a link, which is not followed.") from error
        raise
    try:
        if not modes.S_ISREG(os.fstat(descriptor).st_mode):
            raise RegistryError(f"`{path}` is not a regular file.")
        with disk.named(path):
            yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _created(path: Path) -> Iterator[int]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(path, flags, disk.FILE_MODE)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
