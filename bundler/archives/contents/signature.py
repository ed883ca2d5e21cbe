"""Signature: a signature in an archive, as an OCI referrer, as in the store."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from ....runtime import digest as digests
from ...errors import InvalidArchive
from ...store import Blob, Item, Store
from ...store.referrers import EMPTY, LARGEST, SIGNATURE, read_manifest
from . import layout

Document = Callable[[Blob], bytes]


@dataclass(frozen=True, slots=True)
class Signature:
    """The bytes of its OCI manifest and of the signature file, not verified yet."""

    manifest: bytes
    content: bytes

    @classmethod
    def all_of(cls, store: Store, item: Item) -> tuple[Self, ...]:
        """Those that are kept beside an item and travel with it, in an order that never changes."""
        found = store.referrers.traveling(item)
        return tuple(cls(store.referrers.manifest(r), store.referrers.read(r)) for r in found)

    @classmethod
    def read(cls, blob: Blob, subject: Blob, document: Document) -> Self:
        """The one that an archive announces, of the item whose manifest is `subject`.

        Raises:
            InvalidArchive: when it is no signature, or of something else.
        """
        manifest = document(blob)
        try:
            kind, about, content = read_manifest(manifest)
        except ValueError as error:
            raise _odd(str(error)) from error
        is_whole = digests.is_digest(content.digest) and type(content.size) is int
        if kind != SIGNATURE or about != subject.digest:
            raise _odd("it is about something else")
        if not is_whole or not 0 < content.size <= LARGEST:
            raise _odd("it has no size that it may have")
        return cls(manifest, document(content))

    @property
    def blobs(self) -> tuple[Blob, Blob]:
        """Its manifest and its content."""
        return Blob.of_bytes(self.manifest), Blob.of_bytes(self.content)

    @property
    def documents(self) -> tuple[tuple[str, bytes], ...]:
        """Its members of an archive."""
        manifest, content = self.blobs
        named = ((manifest, self.manifest), (content, self.content))
        return tuple((layout.blob_name(blob.digest), data) for blob, data in named)


def empty() -> tuple[str, bytes]:
    """The member that is the config of every signature's manifest."""
    return layout.blob_name(Blob.of_bytes(EMPTY).digest), EMPTY


def _odd(why: str) -> InvalidArchive:
    return InvalidArchive(f"A signature in the archive cannot be taken: {why}.")
