"""AtomicFile: writes a user's file completely or not at all."""

import errno
import os
import stat as modes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from .store import drafts
from .store.files import disk


def hint(error: OSError) -> str | None:
    """What helps where a disk or a quota is full; None for other errors."""
    is_full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return "Make room there, or write to another disk." if is_full else None


def write(path: Path, data: bytes) -> None:
    """Write or replace it; what was there stays until the new one is durable, and keeps its mode.

    A link is followed, as every tool does.

    Raises:
        OSError: when it cannot be written; nothing is left behind then.
    """
    write_all({path: data})


def write_all(texts: Mapping[Path, bytes]) -> None:
    """Write several: all are durable before the first has its name, the last comes last.

    Raises:
        OSError: when one cannot be written.
    """
    written: list[tuple[Path, Path]] = []
    try:
        for path, data in texts.items():
            place = path.resolve()
            draft = drafts.beside(place)
            written.append((draft, place))
            with drafts.called(place):
                _fill(draft, data, place)
        for draft, place in written:
            with drafts.called(place):
                draft.replace(place)
        for folder in {place.parent for _, place in written}:
            disk.settle_directory(folder)
    finally:
        for draft, _ in written:
            _discard(draft)


@contextmanager
def replacing(place: Path) -> Iterator[Path]:
    """A path beside `place` to write to, which takes its name when the block ends well.

    Raises:
        OSError: when it cannot be made durable.
    """
    draft = drafts.beside(place)
    try:
        yield draft
        with drafts.called(place):
            disk.sync_file(draft)
            draft.replace(place)
        disk.settle_directory(place.parent)
    finally:
        _discard(draft)


def _fill(draft: Path, data: bytes, place: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(draft, flags, 0o666)  # less the umask
    try:
        disk.write_all(descriptor, data)
        if place.is_file():
            os.fchmod(descriptor, modes.S_IMODE(place.stat().st_mode))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _discard(draft: Path) -> None:
    """Remove it if it is still there; where that fails, what brought us here says more."""
    with suppress(OSError):
        disk.remove(draft)
