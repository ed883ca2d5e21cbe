"""TarReader: the members of a tar in order, each header checked before it is used.

The archive is untrusted: each name must match a fixed grammar and appear once, sizes are limited,
and the padding between members and after the last must be zeros.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ...errors import InvalidArchive
from ...store.files.hashing import Read
from ..contents import layout
from ..source import refused, take
from . import header as tar_header
from .header import BLOCK, END, TarHeader

_TAIL = 1 << 20  # bytes of zeros behind the end: `tar` fills up its last record
_HINT_OTHER = "`bundle export TAG` writes one; `bundle save NAME FILE` takes a model's own file."


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file of an archive; `offset` is where its bytes begin."""

    name: str
    size: int
    offset: int


@dataclass(slots=True)
class TarReader:
    """Reads a tar from its start; `skip` passes over unwanted bytes."""

    source: Read
    skip: Callable[[int], None]
    where: str
    position: int = 0
    total: int = 0
    seen: set[str] = field(default_factory=set)

    def members(self) -> Iterator[Member]:
        """Every regular file; the caller reads it with `read`, else it is skipped.

        Raises:
            InvalidArchive: naming the first member that is not allowed.
        """
        while (block := self._exactly(BLOCK)) != bytes(BLOCK):
            header = self._header(block)
            self._check(header)
            if header.is_directory:
                continue
            end = self.position + header.size
            yield Member(header.name, header.size, self.position)
            if self.position < end:
                self.skip(end - self.position)
                self.position = end
            if any(self._exactly(tar_header.padding(header.size), header.name)):
                raise refused(self.where, header.name, "is not padded with zeros")
        if self._exactly(BLOCK) != bytes(BLOCK):
            raise self._too_long()
        self._check_tail()

    def read(self, buffer: memoryview) -> int:
        """Bytes of the member that was named last; its size is the caller's care."""
        count = self.source(buffer)
        self.position += count
        return count

    def _header(self, block: bytes) -> TarHeader:
        try:
            return TarHeader.decode(block)
        except ValueError as error:
            if self.position == BLOCK:  # what stands there is no name at all
                raise self._other("") from error
            raise refused(self.where, tar_header.named(block), str(error)) from error

    def _check(self, header: TarHeader) -> None:
        name = header.name
        known = name in layout.DIRECTORIES if header.is_directory else layout.is_member(name)
        if not known:
            raise refused(self.where, name, "has a name that does not occur in archives")
        if name in self.seen:
            raise refused(self.where, name, "appears twice")
        self.seen.add(name)
        self.total += header.size
        if header.size > layout.LIMITS.get(name, layout.LARGEST) or self.total > layout.LARGEST:
            raise refused(self.where, name, f"has {header.size:,} bytes, which is too large")
        if len(self.seen) > layout.MOST:
            raise refused(self.where, name, f"follows {layout.MOST:,} members, which is the limit")

    def _check_tail(self) -> None:
        buffer, tail = memoryview(bytearray(len(END))), 0
        while count := self.source(buffer):
            tail += count
            if any(buffer[:count]) or tail > _TAIL:
                raise self._too_long()

    def _exactly(self, size: int, name: str = "") -> bytes:
        data = take(size, self.source)
        if data is None and not self.position:
            raise self._other(f": it has less than {BLOCK} bytes")
        if data is None:
            after = f" after {name}" if name else ""
            raise InvalidArchive(f"{self.where} is cut off{after}.", hint="Copy it again.")
        self.position += size
        return data

    def _other(self, why: str) -> InvalidArchive:
        return InvalidArchive(
            f"{self.where} is not an archive of a model or a bundle{why}.", hint=_HINT_OTHER
        )

    def _too_long(self) -> InvalidArchive:
        return InvalidArchive(f"{self.where} has data after the end of the archive.")
