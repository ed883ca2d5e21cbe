"""RemoteContent: a blob of a registry or layout, read to be sent to another."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from ...store import Blob
from ..http.retry import Retry
from ..http.transient_error import TransientError
from .directory import Directory
from .registry import Registry


@dataclass(frozen=True, slots=True)
class RemoteContent:
    """Resumes after a broken connection; the reader checks the digest."""

    remote: Registry | Directory
    blob: Blob

    def read(self, start: int, size: int) -> Iterator[bytes]:
        """See `Content`.

        Raises:
            TransientError: when it broke off too often.
            RegistryError: when the registry does not give it.
        """
        retry = Retry(self.remote.limits, self.remote.stop)
        end = start + size
        while start < end:
            before = start
            try:
                for part in self._once(start, end):
                    yield part
                    start += len(part)
                    retry.advanced(len(part))
            except TransientError as failure:
                retry.wait(failure)
                continue
            if start == before:
                retry.wait(TransientError(f"The blob `{self.blob.digest}` broke off."))

    def _once(self, start: int, end: int) -> Iterator[bytes]:
        stream = self.remote.read(self.blob, start)
        try:
            skip, left = start - stream.start, end - start
            with suppress(TransientError):  # the caller sees the number of bytes
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
