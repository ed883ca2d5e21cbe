"""TarStream: a tar that can be read only once: a pipe, a URL, or a decompressor's output."""

from collections.abc import Iterable, Iterator, Mapping

from ...store import Blob
from ...store.files.hashing import Read
from ..contents import layout
from ..contents.inventory import Inventory
from ..source import Receive, refused, take
from .reader import Member, TarReader

_PIECE = 1 << 20  # bytes read at a time of what nobody wants
_ORDER = "Save it to a file (a `.tar`, not compressed) and import that."


class TarStream:
    """Reads our own archives, which begin with their documents; others need a file."""

    def __init__(self, source: Read, where: str) -> None:
        self.where = where
        self._reader = TarReader(source, self._skip, where)
        self._members: Iterator[Member] = self._reader.members()

    def document(self, name: str, limit: int) -> bytes:
        """All bytes of a small member, which must be the next."""
        member = next(self._members, None)
        if member is None or member.name != name:
            raise refused(self.where, name, "is missing, or too late in a stream", hint=_ORDER)
        if member.size > limit:
            raise refused(self.where, name, f"has {member.size:,} bytes, the limit is {limit:,}")
        data = take(member.size, self._reader.read)
        if data is None:
            raise refused(self.where, name, "is cut off")
        return data

    def check(self, inventory: Inventory) -> None:
        """Do nothing: later members are not known yet."""

    def deliver(self, blobs: Iterable[Blob], receive: Receive) -> None:
        """Pass on each member as it is read; it must be one of the announced."""
        waiting = {layout.blob_name(blob.digest): blob for blob in blobs}
        for member in self._members:
            blob = waiting.pop(member.name, None)
            if blob is None:
                raise refused(self.where, member.name, "is not listed in the manifest")
            if blob.size != member.size:
                why = f"has {member.size:,} bytes instead of {blob.size:,}"
                raise refused(self.where, member.name, why)
            receive(blob, self._reader.read)
        for name in sorted(waiting):
            raise refused(self.where, name, "is missing")

    def offer(self, wanted: Mapping[str, int | None], offer: Receive) -> None:
        """Pass each blob that is named by one of these digests to `offer`, as it is read."""
        for member in self._members:
            digest = layout.digest_of(member.name)
            if digest is not None and digest in wanted:
                offer(Blob(digest, member.size), self._reader.read)

    def _skip(self, count: int) -> None:
        while count:
            data = take(min(count, _PIECE), self._reader.source)
            if data is None:
                return  # the next header will not be there either
            count -= len(data)
