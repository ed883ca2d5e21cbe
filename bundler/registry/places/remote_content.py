"""RemoteContent: a blob of a registry or layout, read on its way to somewhere else."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from ...store import Blob
from ..http.dropped import Dropped
from ..http.patience import Patience
from .directory import Directory
from .registry import Registry


@dataclass(frozen=True, slots=True)
class RemoteContent:
    """Read again from where a connection broke off; its digest is the reader's care."""

    place: Registry | Directory
    blob: Blob

    def read(self, start: int, size: int) -> Iterator[bytes]:
        """See `Content`.

        Raises:
            Dropped: when it broke off too often.
            RegistryError: when the registry does not give it.
        """
        patience = Patience(self.place.limits, self.place.stop)
        end = start + size
        while start < end:
            before = start
            try:
                for part in self._once(start, end):
                    yield part
                    start += len(part)
                    patience.advanced(len(part))
            except Dropped as failure:
                patience.wait(failure)
                continue
            if start == before:
                patience.wait(Dropped(f"The blob `{self.blob.digest}` broke off."))

    def _once(self, start: int, end: int) -> Iterator[bytes]:
        stream = self.place.read(self.blob, start)
        try:
            skip, left = start - stream.start, end - start
            with suppress(Dropped):  # the caller sees how far it came
                for part in stream.pieces:
                    fresh = part[skip : skip + left]
                    skip = max(0, skip - len(part))
                    left -= len(fresh)
                    if fresh:
                        yield fresh
                    if not left:
                        return
        finally:
            stream.close()
