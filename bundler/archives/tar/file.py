"""TarFile: a tar on disk, checked completely before anything of it is used."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ...store import Blob
from ..contents import layout
from ..contents.inventory import Inventory
from ..source import Receive, refused, take
from ..streams.descriptor import Descriptor
from .reader import Member, TarReader


@dataclass(frozen=True, slots=True)
class TarFile:
    """Its members may stand in any order, as other tools write them."""

    file: Descriptor
    where: str
    members: dict[str, Member] = field(default_factory=dict)

    def scan(self) -> None:
        """The first pass: read every header.

        Raises:
            InvalidArchive: naming the first member that is not allowed.
        """
        size = os.fstat(self.file.number).st_size
        reader = TarReader(self.file.readinto, self._skip, self.where)
        for member in reader.members():
            if member.offset + member.size > size:
                raise refused(self.where, member.name, "is cut off", hint="Copy it again.")
            self.members[member.name] = member

    def document(self, name: str, limit: int) -> bytes:
        """All bytes of a small member."""
        member = self.members.get(name)
        if member is None:
            raise refused(self.where, name, "is missing")
        if member.size > limit:
            raise refused(self.where, name, f"has {member.size:,} bytes, the limit is {limit:,}")
        data = take(member.size, _Cursor(self.file, member.offset).read)
        if data is None:
            raise refused(self.where, name, "is cut off")
        return data

    def check(self, inventory: Inventory) -> None:
        """Check that no member is missing or unlisted, and that each has its size."""
        expected = {layout.blob_name(blob.digest): blob.size for blob in inventory.members}
        for name in sorted(expected.keys() - self.members.keys()):
            raise refused(self.where, name, "is missing")
        for name in sorted(self.members.keys() - expected.keys() - layout.LIMITS.keys()):
            raise refused(self.where, name, "is not listed in the manifest")
        for name, size in expected.items():
            if (found := self.members[name].size) != size:
                raise refused(self.where, name, f"has {found:,} bytes instead of {size:,}")

    def deliver(self, blobs: Iterable[Blob], receive: Receive) -> None:
        """The second pass, from the start to the end of the file."""
        named = [(self.members[layout.blob_name(blob.digest)], blob) for blob in blobs]
        for member, blob in sorted(named, key=lambda pair: pair[0].offset):
            receive(blob, _Cursor(self.file, member.offset).read)

    def offer(self, wanted: Mapping[str, int | None], offer: Receive) -> None:
        """Pass each blob that is named by one of these digests to `offer`."""
        for name, member in self.members.items():
            digest = layout.digest_of(name)
            if digest is not None and digest in wanted:
                offer(Blob(digest, member.size), _Cursor(self.file, member.offset).read)

    def _skip(self, count: int) -> None:
        os.lseek(self.file.number, count, os.SEEK_CUR)


@dataclass(slots=True)
class _Cursor:
    file: Descriptor
    offset: int

    def read(self, buffer: memoryview) -> int:
        count = self.file.read_at(buffer, self.offset)
        self.offset += count
        return count
