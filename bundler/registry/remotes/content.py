"""Content: the bytes of a blob, readable from any offset."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ...errors import Damaged

_READ = 1 << 17


class Content(Protocol):
    """Bytes that can be read again from any offset, for uploads that are resumed."""

    def read(self, start: int, size: int) -> Iterator[bytes]:
        """`size` bytes from `start` on; raises Damaged when there are fewer."""


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file of this machine."""

    path: Path

    def read(self, start: int, size: int) -> Iterator[bytes]:
        """See `Content`."""
        with self.path.open("rb", buffering=0) as file:
            file.seek(start)
            while size:
                part = file.read(min(_READ, size))
                if not part:
                    raise Damaged(
                        f"`{self.path}` is shorter than it was.", hint="See `bundle verify`."
                    )
                yield part
                size -= len(part)
