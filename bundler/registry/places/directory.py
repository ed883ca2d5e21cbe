"""Directory: an OCI image layout that several machines may share, over NFS for example."""

import errno
import fcntl
import hashlib
import os
import stat as modes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Any

from ....runtime import digest as digests
from ...errors import Damaged, RegistryError
from ...store import Blob, drafts
from ...store.files import disk, layout
from ..http.limits import Limits
from ..reference import DirectoryReference
from .content import Content
from .index import LIMIT, Index
from .place import Advance, Stream, Way

_LOOKS = 5  # at an index that others may have written meanwhile, where locks mean nothing


class Directory:
    """A `Place` on disk: what arrives is written aside, synced, renamed; the index comes last."""

    def __init__(self, reference: DirectoryReference, limits: Limits = Limits()) -> None:  # noqa: B008
        self.reference = reference
        self.limits = limits
        self._root = reference.path
        self._blobs = reference.path / "blobs" / "sha256"
        self.stop = Event()

    # Reading

    def manifest(self) -> bytes:
        """The manifest of the name or digest; see `Place`."""
        wanted = self.reference.digest or self._index().chosen(self.reference.tag, str(self._root))
        path = self._path(wanted)
        try:
            with _opened(path) as descriptor:
                data = os.read(descriptor, self.limits.manifest + 1)
        except FileNotFoundError as error:
            raise RegistryError(f"`{self.reference.path}` has no manifest {wanted}.") from error
        if len(data) > self.limits.manifest:
            raise RegistryError(f"The manifest is longer than {self.limits.manifest:,} bytes.")
        if digests.of_bytes(data) != wanted:
            raise Damaged(f"`{path}` has changed: expected {wanted}, got {digests.of_bytes(data)}.")
        self._name(wanted)
        return data

    def _name(self, digest: str) -> None:
        """Where nobody said a name, it is the one that the index has for the digest."""
        if self.reference.tag is None and (self._root / "index.json").exists():
            name = self._index().name(digest)
            self.reference = self.reference.at(name) if name else self.reference

    def has(self, blob: Blob) -> bool:
        """Whether it is there in full length."""
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

    def digest(self, tag: str) -> str | None:
        """The digest of the manifest that has a name now."""
        return self._index().digest(tag)

    def tagged(self, tag: str) -> bytes | None:
        """The manifest or index of a name or digest."""
        wanted = tag if digests.is_digest(tag) else self.digest(tag)
        with suppress(FileNotFoundError):
            if wanted is not None and digests.is_digest(wanted):
                with _opened(self._path(wanted)) as descriptor:
                    return os.read(descriptor, self.limits.manifest)
        return None

    def referrers(self, digest: str) -> bytes | None:  # noqa: ARG002
        """Nothing: a directory lists what its index names."""
        return None

    # Writing

    def refer(self, manifest: bytes) -> bool:
        """Write it by its digest; its name comes with the list of all."""
        self._write(self._path(digests.of_bytes(manifest)), manifest)
        return False

    def send(self, blob: Blob, path: Path, advance: Advance) -> Way:
        """Copy a blob, hashed on its way."""
        with _opened(path) as reading:
            return self._take(blob, iter(lambda: os.read(reading, digests.CHUNK), b""), advance)

    def upload(
        self, blob: Blob, content: Content, advance: Advance, source: str | None = None
    ) -> Way:
        """Take in what need not be a file; as `Registry.upload`."""
        del source  # a directory has one place for everything
        return self._take(blob, content.read(0, blob.size), advance)

    def _take(self, blob: Blob, parts: Iterator[bytes], advance: Advance) -> Way:
        temporary = self._temporary()
        try:
            self._copy(blob, parts, temporary, advance)
            temporary.replace(self._path(blob.digest))  # durable with the manifest's, which is last
        finally:
            disk.remove(temporary)
        return "sent"

    def publish(self, manifest: bytes, tags: Sequence[str]) -> None:
        """Put the manifest's digest into the index under every name."""
        wanted = digests.of_bytes(manifest)
        self._write(self._path(wanted), manifest)
        for _ in range(_LOOKS):
            with self._locked():
                index = self._index()
                fresh = index.moved(manifest, tags)
                if fresh != index:
                    self._write(self._root / "index.json", fresh.encode())
            if all(self.digest(tag) == wanted for tag in tags):
                return
        raise RegistryError(f"Others write the index of `{self._root}` all the time; try again.")

    def prepare(self) -> None:
        """Make the directory a layout, unless it is one.

        Raises:
            RegistryError: when it is something else, or somebody's store.
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
            self._write(marker, layout.OCI)
        disk.make_directories(self._blobs, durable=True)

    def cut(self) -> None:
        """Let copies end at their next chunk."""
        self.stop.set()

    def close(self) -> None:
        """Nothing is open."""

    def _check_cut(self) -> None:
        if self.stop.is_set():
            raise RegistryError("The copy was broken off.")

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
                raise Damaged(
                    f"The blob `{blob.digest}` has changed in the store: got {got}.",
                    hint="See what is affected with `bundle verify`.",
                )
            with disk.named(target):
                os.fsync(writing)

    def _write(self, path: Path, data: bytes) -> None:
        temporary = self._temporary()
        try:
            disk.write(temporary, data)
            temporary.replace(path)
            disk.sync_directory(path.parent)
        finally:
            disk.remove(temporary)

    def _temporary(self) -> Path:
        return drafts.new(self._root)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """An optimisation: where it means nothing, `publish` looks again."""
        path, descriptor = self._root / ".index.lock", None
        with suppress(OSError):  # another user's, in a directory that protects it
            descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, disk.FILE_MODE)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _path(self, digest: str) -> Path:
        return self._blobs / digest.removeprefix("sha256:")

    def _index(self) -> Index:
        path = self._root / "index.json"
        try:
            with _opened(path) as descriptor:
                parts = iter(lambda: os.read(descriptor, digests.CHUNK), b"")
                data = b"".join(islice(parts, LIMIT // digests.CHUNK))
        except (FileNotFoundError, NotADirectoryError) as error:
            if (self._root / "oci-layout").is_file():
                return Index.empty()
            raise RegistryError(f"`{self._root}` is not an OCI layout.") from error
        return Index.read(data, str(path))


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
