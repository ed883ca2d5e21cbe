"""TarWriter: writes members one after another."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...store import Blob
from ..contents import layout
from ..streams import copying
from ..streams.copying import Sink
from .header import END, TarHeader, padding


@dataclass(frozen=True, slots=True)
class TarWriter:
    """Writes the members of an archive; `advance` is called with the bytes of blobs written."""

    sink: Sink
    advance: Callable[[int], None] = lambda _: None

    def add_bytes(self, name: str, data: bytes) -> None:
        """Write a small member."""
        self.sink.write(TarHeader(name, len(data)).encode() + data + bytes(padding(len(data))))

    def add_blob(self, blob: Blob, path: Path) -> None:
        """Write a blob, hashing it on the way.

        Raises:
            Damaged: when its bytes do not have its digest.
        """
        self.sink.write(TarHeader(layout.blob_name(blob.digest), blob.size).encode())
        copying.copy(blob, path, self.sink, self.advance)
        self.sink.write(bytes(padding(blob.size)))

    def close(self) -> None:
        """Write the end."""
        self.sink.write(END)
