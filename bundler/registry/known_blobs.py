"""KnownBlobs: remembers which blobs a repository has.

So a registry can mount a blob from another of its repositories. It only saves work: if the registry
no longer has the blob, it is uploaded.
"""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from ...runtime.digest import is_digest
from ..store import drafts
from ..store.files import disk
from .reference import RegistryReference

_LIMIT = 1 << 22  # bytes of a note
_MOST = 20_000  # digests in a note


class KnownBlobs:
    """One file per repository, in the store."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def of(self, host: str) -> Mapping[str, str]:
        """The repositories of one registry, by digest of a blob."""
        known: dict[str, str] = {}
        with suppress(OSError, ValueError):
            for path in sorted(self._directory.glob("*.txt")):
                there, repository, *noted = _lines(path)
                if there == host:
                    known.update((digest, repository) for digest in noted if is_digest(digest))
        return known

    def note(self, reference: RegistryReference, found: Iterable[str]) -> None:
        """Record that a repository has these blobs."""
        head = [reference.host, reference.repository]
        name = hashlib.sha256("\n".join(head).encode()).hexdigest()[:32]
        path = self._directory / f"{name}.txt"
        with suppress(OSError, ValueError):  # a store that cannot be written pushes as well
            before = _lines(path)[2:] if path.exists() else []
            noted = list(dict.fromkeys([*found, *before]))[:_MOST]
            drafts.keep(path, "\n".join([*head, *noted]).encode())


def _lines(path: Path) -> list[str]:
    return disk.read(path, _LIMIT).decode().split("\n")
