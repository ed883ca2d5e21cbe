"""Copies a blob out of the store, in the kernel where possible, and hashes it meanwhile."""

import errno
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from ....runtime import digest as digests
from ...errors import Damaged
from ...store import Blob
from ...store.files.hashing import Hashing

_PIECE = 64 << 20  # bytes that one system call is asked to copy: a Ctrl-C waits no longer
_UNABLE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)  # of a file that is appended to (`>>`)


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes | memoryview) -> None:
        """Write every byte."""

    def fileno(self) -> int | None:
        """The descriptor that the kernel may copy to; None if bytes must go through `write`."""


def copy(blob: Blob, path: Path, sink: Sink, advance: Callable[[int], None]) -> None:
    """Write the bytes of a blob that lies at `path`.

    Raises:
        Damaged: when they do not have its digest.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        got = _copied(descriptor, blob.size, sink, advance)
    except Damaged:
        got = "a shorter file"
    finally:
        os.close(descriptor)
    if got != blob.digest:
        raise Damaged(
            f"`{path}` has changed: expected {blob.digest}, got {got}.",
            hint="See what is affected with `bundle verify`.",
        )


def _copied(source: int, size: int, sink: Sink, advance: Callable[[int], None]) -> str:
    target = sink.fileno()
    if target is None or size <= digests.CHUNK:
        hashing = Hashing(size, lambda buffer: os.readv(source, [buffer]), advance)
        return hashing.digest(sink.write)
    with ThreadPoolExecutor(1) as pool:  # hashing needs no lock of the interpreter
        hashed = pool.submit(_digest, source, size)
        _send(sink, target, source, size, advance)
        return hashed.result()


def _send(sink: Sink, target: int, source: int, size: int, advance: Callable[[int], None]) -> None:
    done = 0
    while done < size:
        try:
            count = os.sendfile(target, source, done, min(_PIECE, size - done))
        except OSError as error:
            if error.errno not in _UNABLE:
                raise
            data = os.pread(source, min(digests.CHUNK, size - done), done)
            sink.write(data)
            count = len(data)
        if not count:
            return  # the file is shorter than it was; its digest will tell
        advance(count)
        done += count


def _digest(source: int, size: int) -> str:
    running, buffer, done = hashlib.sha256(), memoryview(bytearray(digests.CHUNK)), 0
    while done < size and (count := os.preadv(source, [buffer[: size - done]], done)):
        running.update(buffer[:count])
        done += count
    return "sha256:" + running.hexdigest()
