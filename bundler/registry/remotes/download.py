"""Download: fetches one blob, and hashes it meanwhile."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ...errors import Damaged
from ...store import Blob
from ...store.files import disk
from ..http.retry import Retry
from ..http.transient_error import TransientError
from .remote import Advance, Remote

Write = Callable[[bytes], None]


class Download:
    """Resumes after a broken connection; reads no more bytes than the manifest says."""

    def __init__(self, remote: Remote, blob: Blob, retry: Retry, advance: Advance) -> None:
        self._remote = remote
        self._blob = blob
        self._retry = retry
        self._advance = advance
        self._hash = hashlib.sha256()
        self._offset = 0

    def to_file(self, path: Path) -> None:
        """Write the blob into a new file.

        Raises:
            TransientError: when it broke off too often.
            RegistryError: when it is too slow, or refused.
            Damaged: when the bytes have another digest.
            OSError: when they cannot be written.
        """
        target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

        def write(part: bytes) -> None:
            with disk.named(path):
                disk.write_all(target, part)

        try:
            self._fetch(write)
        finally:
            os.close(target)

    def to_bytes(self) -> bytes:
        """Fetch a small blob into memory; raises the errors of `to_file`."""
        parts: list[bytes] = []
        self._fetch(parts.append)
        return b"".join(parts)

    def _fetch(self, write: Write) -> None:
        while self._offset < self._blob.size:
            try:
                self._read(write)
            except TransientError as failure:
                self._retry.wait(failure)
        got = "sha256:" + self._hash.hexdigest()
        if got != self._blob.digest:
            raise Damaged(f"Expected the blob {self._blob.digest}, got {got}; nothing was taken.")

    def _read(self, write: Write) -> None:
        stream = self._remote.read(self._blob, self._offset)
        try:
            skip = self._offset - stream.start  # of a remote that ignores the offset
            with suppress(TransientError):  # told below, with how far it came
                for part in stream.pieces:
                    fresh = part[skip:]
                    skip = max(0, skip - len(part))
                    self._take(fresh, write)
        finally:
            stream.close()
        if self._offset < self._blob.size:
            raise TransientError(
                f"The blob `{self._blob.digest}` broke off after {self._offset:,} of "
                f"{self._blob.size:,} bytes."
            )

    def _take(self, part: bytes, write: Write) -> None:
        if self._offset + len(part) > self._blob.size:
            raise Damaged(
                f"The blob `{self._blob.digest}` is longer than the {self._blob.size:,} bytes "
                "that its manifest says; nothing was taken."
            )
        write(part)
        self._hash.update(part)
        self._offset += len(part)
        self._retry.advanced(len(part))
        self._advance(len(part))
