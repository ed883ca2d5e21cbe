"""Workspace: a process's directory in the store: temporary files, and the blobs it needs.

A workspace is a directory in `tmp/`, named after its process. Before a process looks for a blob
that it needs, it creates an empty file with the digest in `held/`. Garbage collection removes no
blob that a workspace holds. Nothing here is synced, because no process survives a power cut.
"""

import os
import secrets
import shutil
import threading
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from . import disk
from .process import Process

GRACE = 24 * 3600  # seconds that a workspace of another machine or container is left alone
HELD = "held"
TRASH = "trash"


class Workspace:
    """The workspace of this process, created when it is needed, removed when the process ends."""

    def __init__(self, directory: Path) -> None:
        self.parent = directory
        self._path: Path | None = None
        self._pid = 0
        self._held: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def path(self) -> Path:
        """The path; a forked process gets a workspace of its own."""
        with self._lock:
            if self._path is None or self._pid != os.getpid():
                self._path, self._pid = self._make(), os.getpid()
                self._held = Counter()
                weakref.finalize(self, _leave, self._path, self._pid)
            return self._path

    def _make(self) -> Path:
        path = self.parent / f"{Process.current()}.{secrets.token_hex(4)}"
        disk.make_directory(self.parent)  # what copied a store may have left out empty folders
        disk.make_directory(path)  # readable, for garbage collection by another user
        try:
            disk.make_directory(path / HELD)
        except OSError:
            path.rmdir()  # on a full disk the name would have no file
            raise
        return path

    def new(self) -> Path:
        """An unused path for a temporary file or directory."""
        return self.path / secrets.token_hex(8)

    @contextmanager
    def directory(self) -> Iterator[Path]:
        """A temporary directory, removed when the block ends."""
        path = self.new()
        disk.make_directory(path)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def file(self, data: bytes, mode: int = disk.FILE_MODE) -> Iterator[Path]:
        """A temporary file with `data`, synced; removed when the block ends, unless renamed."""
        path = self.new()
        try:
            disk.write(path, data, mode)
            yield path
        finally:
            with suppress(OSError):  # the error of the block is more useful
                disk.remove(path)

    def hold(self, digest: str) -> None:
        """Protect a blob from garbage collection, whether or not it exists yet."""
        path = self.path / HELD / digest.removeprefix("sha256:")
        with self._lock:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._held[digest] += 1

    def release(self, digests: Iterable[str]) -> None:
        """Undo one `hold` of each blob, which is referred to by now, or not needed any more."""
        with self._lock:
            for digest in digests:
                self._held[digest] -= 1
                if self._held[digest] <= 0 and self._path is not None:
                    del self._held[digest]
                    with suppress(OSError):  # it is kept, then, while this process lives
                        disk.remove(self._path / HELD / digest.removeprefix("sha256:"))

    @contextmanager
    def holding(self, digests: Iterable[str]) -> Iterator[None]:
        """Hold blobs for as long as the block runs."""
        held: list[str] = []
        try:
            for digest in digests:
                self.hold(digest)
                held.append(digest)
            yield
        finally:
            self.release(held)


def all_held(directory: Path) -> set[str]:
    """The digests held by all workspaces whose process may be alive."""
    held: set[str] = set()
    for path in workspaces(directory):
        if not is_abandoned(path):
            with suppress(FileNotFoundError, NotADirectoryError):
                held.update(f"sha256:{name}" for name in os.listdir(path / HELD))  # noqa: PTH208
    return held


def abandoned(directory: Path) -> list[Path]:
    """The workspaces whose process has ended."""
    return [path for path in workspaces(directory) if is_abandoned(path)]


def is_abandoned(path: Path, name: str | None = None) -> bool:
    """Whether its process has ended, or is of another machine and inactive for `GRACE` seconds.

    `name` has the process, if it is not the name of `path`.
    """
    with suppress(ValueError):
        process = Process.parse((name or path.name).rpartition(".")[0])
        if process.is_near:
            return not process.is_alive
    with suppress(FileNotFoundError):
        return disk.age(path) > GRACE
    return False


def workspaces(directory: Path) -> list[Path]:
    """The workspaces of all processes."""
    with suppress(FileNotFoundError):
        return [Path(entry.path) for entry in os.scandir(directory)]
    return []


def _leave(path: Path, pid: int) -> None:
    if pid == os.getpid() and not (path / TRASH).exists():  # the next collection puts that back
        shutil.rmtree(path, ignore_errors=True)
