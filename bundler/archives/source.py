"""Source: an archive that is being read, from any place and in any order."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol

from ...runtime import digest as digests
from ..errors import InvalidArchive
from ..store import Blob
from ..store.files.hashing import Read
from ..store.referrers import EMPTY
from ..untrusted.quotation import quoted
from .contents import layout
from .contents.announcement import Announcement
from .contents.inventory import Inventory, check_marker, config_of
from .contents.signature import Signature

Receive = Callable[[Blob, Read], None]


class Source(Protocol):
    """An OCI layout with one model or bundle in it."""

    @property
    def where(self) -> str:
        """Its name in error messages."""

    def document(self, name: str, limit: int) -> bytes:
        """All bytes of a small member.

        Raises:
            InvalidArchive: when it is not there, or has more than `limit` bytes.
        """

    def check(self, inventory: Inventory) -> None:
        """Compare the members with the inventory, as far as they are known before reading.

        Raises:
            InvalidArchive: naming the member.
        """

    def deliver(self, blobs: Iterable[Blob], receive: Receive) -> None:
        """Pass each of these blobs to `receive` once, in the order in which they are read.

        Raises:
            InvalidArchive: naming the member.
        """

    def offer(self, wanted: Mapping[str, int | None], offer: Receive) -> None:
        """Pass each blob that is named by one of these digests to `offer`."""


def inventory(source: Source) -> tuple[Announcement, Inventory]:
    """Read the documents of an archive, before any other member is read.

    Raises:
        InvalidArchive: when they are not as they were written.
    """
    check_marker(source.document(layout.MARKER, layout.LIMITS[layout.MARKER]))
    announced = Announcement.decode(source.document(layout.INDEX, layout.LIMITS[layout.INDEX]))
    manifest = _document(source, announced.manifest)
    config = _document(source, config_of(manifest))
    found = Inventory.decode(manifest, config)
    read = partial(_document, source)
    beside = [Signature.read(one, announced.manifest, read) for one in announced.beside]
    found = replace(found, signatures=tuple(beside))
    if found.needs_empty:
        read(Blob.of_bytes(EMPTY))
    if announced.kind not in {None, found.kind}:
        why = f"declares a {announced.kind}, but the archive holds a {found.kind}"
        raise refused(source.where, layout.INDEX, why)
    source.check(found)
    return announced, found


def refused(where: str, name: str | bytes, why: str, hint: str | None = None) -> InvalidArchive:
    """The error that names a member; `why` is the rest of the sentence."""
    return InvalidArchive(f"{where} cannot be used: its member {quoted(name)} {why}.", hint=hint)


def take(size: int, read: Read) -> bytes | None:
    """Read exactly `size` bytes; None if there are fewer."""
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        count = read(view[done:])
        if not count:
            return None
        done += count
    return bytes(data)


def _document(source: Source, blob: Blob) -> bytes:
    name = layout.blob_name(blob.digest)
    data = source.document(name, blob.size)
    if len(data) != blob.size:
        raise refused(source.where, name, f"has {len(data):,} bytes instead of {blob.size:,}")
    if (got := digests.of_bytes(data)) != blob.digest:
        raise refused(source.where, name, f"has another digest than its name: {got}")
    return data
