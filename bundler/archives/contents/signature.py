"""Signature: a signature in an archive, as an OCI referrer, as in the store."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from ...store import Blob, Item, Store
from ...store.referrers import EMPTY, LARGEST, SIGNATURE, read_manifest
from . import layout
from .unusable import unusable

Document = Callable[[Blob], bytes]
_PART = "A signature"


@dataclass(frozen=True, slots=True)
class Signature:
    """The bytes of its OCI manifest and of the signature file, not verified yet."""

    manifest: bytes
    content: bytes

    @classmethod
    def all_of(cls, store: Store, item: Item) -> tuple[Self, ...]:
        """The signatures of an item that are exported with it, in a fixed order."""
        found = store.referrers.traveling(item)
        return tuple(cls(store.referrers.manifest(r), store.referrers.read(r)) for r in found)

    @classmethod
    def read(cls, blob: Blob, subject: Blob, document: Document) -> Self:
        """Read a signature of the item whose manifest is `subject`.

        Raises:
            InvalidArchive: if it is not a signature, or of something else.
        """
        manifest = document(blob)
        try:
            kind, about, content = read_manifest(manifest)
        except ValueError as error:
            raise unusable(_PART, error) from error
        if kind != SIGNATURE or about != subject.digest:
            raise unusable(_PART, "it is about something else")
        if not 0 < content.size <= LARGEST:
            raise unusable(_PART, "its digest or size is invalid")
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
