"""LayerTar: a layer as a tar stream, generated while it is read.

The contents are read from the store, or from a tree of packages, at any offset. So a layer of
gigabytes needs no disk space, and an interrupted upload can be resumed.
"""

import hashlib
import os
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from ...runtime import digest as digests
from ..errors import Damaged
from ..store import Blob
from .member import Member

BLOCK = 512
_END = bytes(2 * BLOCK)


def _nothing(_: int) -> None:
    """Ignore progress."""


class LayerTar:
    """Sorted members with all their parent directories."""

    def __init__(self, members: Iterable[Member]) -> None:
        given = {member.path: member for member in members}
        every = [*given.values(), *(Member(path) for path in _folders(given) - given.keys())]
        self.members = sorted(every, key=lambda member: member.path.encode())
        self._headers = [member.header() for member in self.members]
        self._starts: list[int] = []
        at = 0
        for member, header in zip(self.members, self._headers, strict=True):
            self._starts.append(at)
            at += len(header) + member.size + -member.size % BLOCK
        self.size = at + len(_END)

    def blob(self, advance: Callable[[int], None] = _nothing) -> Blob:
        """Digest and size of the layer; every member is compared with its digest.

        Raises:
            Damaged: when one of them differs.
        """
        running = hashlib.sha256()
        for member, header in zip(self.members, self._headers, strict=True):
            running.update(header)
            own = hashlib.sha256()
            for chunk in _content(member, 0, member.size):
                running.update(chunk)
                if member.digest:
                    own.update(chunk)
                advance(len(chunk))
            if member.digest and member.digest != f"sha256:{own.hexdigest()}":
                raise _changed(member)
            running.update(bytes(-member.size % BLOCK))
        running.update(_END)
        return Blob(f"sha256:{running.hexdigest()}", self.size)

    def read(self, start: int, size: int) -> Iterator[bytes]:
        """Read `size` bytes of the tar from `start`.

        Raises:
            Damaged: when a member has become shorter.
        """
        index = max(0, bisect_right(self._starts, start) - 1)
        left = size
        skip = start - (self._starts[index] if self._starts else 0)
        for part in self._parts(index):
            length = part[1]
            if skip >= length:
                skip -= length
                continue
            take = min(left, length - skip)
            yield from _piece(part[0], skip, take)
            left, skip = left - take, 0
            if not left:
                return

    def _parts(self, index: int) -> Iterator[tuple[Member | bytes, int]]:
        """Header, content and padding of each member from `index` on, then the end."""
        for at in range(index, len(self.members)):
            member, header = self.members[at], self._headers[at]
            yield header, len(header)
            yield member, member.size
            yield bytes(-member.size % BLOCK), -member.size % BLOCK
        yield _END, len(_END)


def _folders(paths: Iterable[str]) -> set[str]:
    """Every folder above the paths."""
    direct = {PurePosixPath(folder) for folder in {path.rpartition("/")[0] for path in paths}}
    return {str(each) for folder in direct for each in (folder, *folder.parents)} - {"."}


def _piece(part: Member | bytes, start: int, size: int) -> Iterator[bytes]:
    if isinstance(part, Member):
        yield from _content(part, start, size)
    elif size:
        yield part[start : start + size]


def _content(member: Member, start: int, size: int) -> Iterator[bytes]:
    if isinstance(member.content, bytes):
        yield member.content[start : start + size]
    elif member.content is not None:
        yield from _file(member, member.content, start, size)


def _file(member: Member, path: Path, start: int, size: int) -> Iterator[bytes]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise Damaged(
            f"`{path}` cannot be read: {error.strerror}.", hint="Run `bundle verify`."
        ) from error
    try:
        if os.fstat(descriptor).st_size != member.size:
            raise _changed(member)
        end = start + size
        while start < end:
            chunk = os.pread(descriptor, min(digests.CHUNK, end - start), start)
            if not chunk:
                raise _changed(member)
            start += len(chunk)
            yield chunk
    finally:
        os.close(descriptor)


def _changed(member: Member) -> Damaged:
    return Damaged(f"`{member.path}` differs from what is said of it.", hint="Run `bundle verify`.")
