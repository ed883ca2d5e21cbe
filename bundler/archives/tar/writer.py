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
    """Writes the members of an archive; `advance` is told of the bytes of blobs."""

    sink: Sink
    advance: Callable[[int], None] = lambda _: None

    def add_bytes(self, name: str, data: bytes) -> None:
        """A small member."""
        self.sink.write(TarHeader(name, len(data)).encode() + data + bytes(padding(len(data))))

    def add_blob(self, blob: Blob, path: Path) -> None:
        """A blob, hashed as it is written.

        Raises:
            Damaged: when its bytes are others than its name says.
        """
        self.sink.write(TarHeader(layout.blob_name(blob.digest), blob.size).encode())
        copying.copy(blob, path, self.sink, self.advance)
        self.sink.write(bytes(padding(blob.size)))

    def close(self) -> None:
        """Write the end."""
        self.sink.write(END)
