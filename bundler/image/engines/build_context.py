"""Build context: a bundle's files as a tar stream, the same bytes on every machine.

What an engine caches it finds again by the digest of what it was sent: so names are sorted, and
owners, times and modes are the same for everybody. Weights go from the store straight into the
engine; nothing is written in between.
"""

import hashlib
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ....runtime import digest
from ....runtime.manifests.file_entry import FileEntry
from ...errors import Damaged
from ...progress import Meter
from ..recipe.containerfile import WHEELS

if TYPE_CHECKING:
    from ...store import Item

_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)


class BuildContext:
    """A bundle directory, and wheels beside it, to iterate over in chunks of tar.

    Each file is compared with its digest as it passes.
    """

    def __init__(
        self, directory: Path, files: Sequence[FileEntry], wheels: Sequence[Path] = ()
    ) -> None:
        self._files = {entry.path: (directory / entry.path, entry) for entry in files}
        for path in wheels:
            entry = FileEntry(f"{WHEELS}/{path.name}", "", path.stat().st_size)
            self._files[entry.path] = (path, entry)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for _, entry in self._files.values())

    def chunks(self, meter: Meter) -> Iterator[bytes]:
        """The tar stream; `meter` is told of every byte of content.

        Raises:
            Damaged: when a file differs from its digest; the engine then builds nothing.
        """
        for folder in _folders(self._files):
            yield _header(folder, tarfile.DIRTYPE, 0o755)
        for name in sorted(self._files):
            path, entry = self._files[name]
            mode = 0o755 if entry.executable else 0o644
            yield _header(name, tarfile.REGTYPE, mode, entry.size)
            yield from _content(path, entry, meter)
            yield bytes(-entry.size % _BLOCK)
        yield _END


def own_entry(item: "Item", directory: Path) -> FileEntry:
    """The `bundle.json` of a bundle, which lists every file but itself."""
    return FileEntry("bundle.json", item.digest, (directory / "bundle.json").stat().st_size)


def _folders(paths: Iterable[str]) -> list[str]:
    """Every directory above the paths, so that their modes and times are ours, too."""
    found = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    return sorted(found - {"."})


def _header(name: str, kind: bytes, mode: int, size: int = 0) -> bytes:
    header = tarfile.TarInfo(name)
    header.type, header.mode, header.size = kind, mode, size
    return header.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _content(path: Path, entry: FileEntry, meter: Meter) -> Iterator[bytes]:
    running, left = hashlib.sha256(), entry.size
    try:
        with path.open("rb", buffering=0) as file:
            while left > 0 and (chunk := file.read(min(left, digest.CHUNK))):
                running.update(chunk)
                left -= len(chunk)
                meter.advance(len(chunk))
                yield chunk
            more = file.read(1)
    except OSError as error:
        raise Damaged(
            f"`{path}` cannot be read: {error.strerror}.", hint="Run `bundle verify`."
        ) from error
    differs = entry.digest and f"sha256:{running.hexdigest()}" != entry.digest
    if left or more or differs:
        raise Damaged(
            f"`{entry.path}` differs from what the bundle says of it.", hint="Run `bundle verify`."
        )
