"""LayoutDirectory: an OCI image layout on disk, as `skopeo` and `oras` read and write it."""

import os
import shutil
import stat as modes
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidArchive, InvalidDestination
from ..store import Blob, Store, drafts
from ..store.files import disk
from ..store.files.barrier import Barrier
from .contents import layout
from .contents.inventory import Inventory
from .source import Receive, refused, take
from .streams import copying
from .streams.descriptor import Descriptor

_MODE = 0o666  # less the umask


@dataclass(frozen=True, slots=True)
class LayoutDirectory:
    """Reading follows no link and opens nothing but regular files."""

    path: Path

    @property
    def where(self) -> str:
        """Its name in error messages."""
        return f"`{self.path}`"

    def document(self, name: str, limit: int) -> bytes:
        """All bytes of a small file."""
        with self._opened(name) as file:
            size = os.fstat(file.number).st_size
            if size > limit:
                raise refused(self.where, name, f"has {size:,} bytes, the limit is {limit:,}")
            data = take(size, file.readinto)
        if data is None:
            raise refused(self.where, name, "changes while it is read")
        return data

    def check(self, inventory: Inventory) -> None:
        """Compare the sizes of its blobs; other files in the directory are ignored."""
        for blob in inventory.members:
            name = layout.blob_name(blob.digest)
            with self._opened(name) as file:
                if (size := os.fstat(file.number).st_size) != blob.size:
                    why = f"has {size:,} bytes instead of {blob.size:,}"
                    raise refused(self.where, name, why)

    def deliver(self, blobs: Iterable[Blob], receive: Receive) -> None:
        """Each blob, by its name."""
        for blob in blobs:
            with self._opened(layout.blob_name(blob.digest)) as file:
                receive(blob, file.readinto)

    def offer(self, wanted: Mapping[str, int | None], offer: Receive) -> None:
        """Pass each blob that is named by one of these digests to `offer`."""
        for digest in wanted:
            with suppress(InvalidArchive), self._opened(layout.blob_name(digest)) as file:
                offer(Blob(digest, os.fstat(file.number).st_size), file.readinto)

    def write(
        self,
        documents: Iterable[tuple[str, bytes]],
        blobs: Iterable[Blob],
        store: Store,
        advance: Callable[[int], None],
    ) -> None:
        """Write the directory; it appears only once it is complete and durable.

        Raises:
            InvalidDestination: when the path exists, and is not an empty directory.
            Damaged: when a blob does not match its digest.
        """
        path = self.path.absolute()
        if path.is_symlink() or (path.exists() and not (path.is_dir() and not any(path.iterdir()))):
            raise InvalidDestination(
                f"`{self.path}` exists.", hint="Name a directory that is new or empty."
            )
        temporary = drafts.beside(path)
        try:
            with drafts.called(path, temporary):
                self._fill(temporary, documents, blobs, (store, advance))
                temporary.rename(path)
            _settle(path, temporary)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _fill(
        self,
        temporary: Path,
        documents: Iterable[tuple[str, bytes]],
        blobs: Iterable[Blob],
        source: tuple[Store, Callable[[int], None]],
    ) -> None:
        store, advance = source
        (temporary / layout.BLOBS).mkdir(parents=True)
        with Barrier(temporary) as barrier:
            written = [_written(temporary / name, data) for name, data in documents]
            for blob in blobs:
                written.append(temporary / layout.blob_name(blob.digest))
                with _created(written[-1]) as file:
                    copying.copy(blob, store.blob(blob.digest), file, advance)
            barrier.sync(written)
        for folder in (temporary / layout.BLOBS, temporary / "blobs", temporary):
            disk.settle_directory(folder)

    @contextmanager
    def _opened(self, name: str) -> Iterator[Descriptor]:
        """A regular file below the directory, reached without following a link."""
        *folders, last = name.split("/")
        folder = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        with ExitStack() as stack:
            at = os.open(self.path, folder)
            stack.callback(os.close, at)
            try:
                for part in folders:
                    at = os.open(part, folder | os.O_NOFOLLOW, dir_fd=at)
                    stack.callback(os.close, at)
                flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
                number = os.open(last, flags, dir_fd=at)
            except FileNotFoundError as error:
                raise refused(self.where, name, "is missing") from error
            except OSError as error:
                raise refused(self.where, name, str(error.strerror)) from error
            stack.callback(os.close, number)
            if not modes.S_ISREG(os.fstat(number).st_mode):
                raise refused(self.where, name, "is not a regular file")
            yield Descriptor(number, self.path / name)


def _settle(path: Path, temporary: Path) -> None:
    """Make the directory's name durable; if that fails, rename it back, for a retry to work."""
    try:
        disk.settle_directory(path.parent)
    except OSError:
        path.rename(temporary)
        raise


def _written(path: Path, data: bytes) -> Path:
    with _created(path) as file:
        file.write(data)
    return path


@contextmanager
def _created(path: Path) -> Iterator[Descriptor]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    number = os.open(path, flags, _MODE)
    try:
        yield Descriptor(number, path)
    finally:
        os.close(number)
