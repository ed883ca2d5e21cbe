"""CompressedLayer: a compressed layer, written to a temporary file to learn its digest.

Layers are uncompressed by default: the output of a compressor depends on its version, so digests
of compressed layers, and of manifests that name them, differ between machines. The id of the image
does not, as it is computed from the uncompressed layers. Weights hardly shrink, and are never
compressed.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from ..archives.streams.compression import Compressor
from ..progress import Meter
from ..registry.remotes.content import FileContent
from ..store import Blob
from .layer_plan import Layer

Compression = Literal["none", "gzip", "zstd"]
_LEVEL = 6
_GZIP = 16 + zlib.MAX_WBITS  # a header without a time


@dataclass(frozen=True, slots=True)
class CompressedLayer:
    """The compressed bytes in a file of this process."""

    kind: str
    blob: Blob
    path: Path

    def read(self, start: int, size: int) -> Iterator[bytes]:
        """See `Content`."""
        return FileContent(self.path).read(start, size)


def compress(
    layers: Iterable[Layer], kind: Compression, folder: Path, meter: Meter
) -> dict[str, CompressedLayer]:
    """The compressed form of each layer that shrinks enough, by its digest.

    Raises:
        MissingLibrary: for zstd, where its library is not installed.
        Damaged: when a file differs from what is said of it.
    """
    if kind == "none":
        return {}
    chosen = {layer.blob.digest: layer for layer in layers if layer.planned.kind != "model"}
    return {digest: _compressed(layer, kind, folder, meter) for digest, layer in chosen.items()}


class _Writer(Protocol):
    def write(self, data: bytes, /) -> object:
        """Compress it."""

    def close(self) -> None:
        """Write the end of the stream."""


class _File:
    """Counts and hashes what it writes to `file`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._hash.update(data)
        self._size += len(data)

    def fileno(self) -> None:
        """None, so that all bytes pass through `write`."""
        return

    @property
    def blob(self) -> Blob:
        """Digest and size of all that was written."""
        return Blob(f"sha256:{self._hash.hexdigest()}", self._size)


class _Gzip:
    def __init__(self, file: _File) -> None:
        self._file = file
        self._stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)

    def write(self, data: bytes) -> None:
        self._file.write(self._stream.compress(data))

    def close(self) -> None:
        self._file.write(self._stream.flush())


def _compressed(layer: Layer, kind: str, folder: Path, meter: Meter) -> CompressedLayer:
    path = folder / layer.blob.digest.removeprefix("sha256:")
    with path.open("xb") as opened:
        file = _File(opened)
        writer: _Writer = _Gzip(file) if kind == "gzip" else Compressor(file)
        for part in layer.tar.read(0, layer.tar.size):
            writer.write(part)
            meter.advance(len(part))
        writer.close()
    return CompressedLayer(kind, file.blob, path)
