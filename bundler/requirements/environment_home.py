"""EnvironmentHome: where an environment lies; the first process that made it whole wins.

An environment cannot be moved, because its scripts name its path. So each process fills a folder of
its own, and the home is a link to the first that was complete. The lock beside it only saves work:
where locks mean nothing (NFS), two processes fill a folder, and one of the two is removed.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..progress import Progress
from ..store import drafts
from ..store.files import disk
from ..store.files.process import Process

COMPLETE = ".complete"
_LOOK = 0.1  # seconds between two looks at a lock


@dataclass(frozen=True, slots=True)
class EnvironmentHome:
    """The path by which an environment is used; a link, or a folder of an older version."""

    path: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin" / "python"

    @property
    def is_complete(self) -> bool:
        """Whether it can be used; its interpreter may be a link to one that was removed."""
        return (self.path / COMPLETE).exists() and self.python.exists()

    def make(self, fill: Callable[[Path], None], progress: Progress) -> None:
        """Make the environment, unless another process completes it meanwhile.

        `fill` gets the path of a folder that it has to make. If it fails, that is removed.

        Raises:
            StoreError: when nothing can be written there.
        """
        with disk.store_errors("make the environment"):
            disk.make_directories(self.path.parent)
        with self._alone(progress):
            if not self.is_complete:
                self._make(fill)

    def _make(self, fill: Callable[[Path], None]) -> None:
        self._clear()
        mark = drafts.beside(self.path)  # says that this process fills the folder
        own = self.path.with_name(f"{self.path.name}.{mark.name.split('.')[-2]}")
        try:
            with disk.store_errors("make the environment"):
                mark.symlink_to(own.name)
            fill(own)
            with disk.store_errors("make the environment"):
                disk.sync_filesystem(own)  # or a power cut leaves the mark, and hollow packages
                (own / COMPLETE).touch()
                self._publish(own)
        except BaseException:
            shutil.rmtree(own, ignore_errors=True)
            raise
        finally:
            with suppress(OSError):
                disk.remove(mark)

    def _publish(self, own: Path) -> None:
        while True:
            try:
                self.path.symlink_to(own.name)
            except FileExistsError:
                if self.is_complete:  # another process was faster, and servers may run in its
                    shutil.rmtree(own, ignore_errors=True)
                    return
                self._remove()
            else:
                return

    def _remove(self) -> None:
        """Remove what is not complete."""
        with suppress(FileNotFoundError):
            if self.path.is_symlink():
                self.path.unlink()
            else:
                aside = drafts.new(self.path.parent, f".{self.path.name}")
                self.path.rename(aside)
                shutil.rmtree(aside, ignore_errors=True)

    def _clear(self) -> None:
        """Remove folders that are not the home's, and whose process has ended."""
        pattern = f"{self.path.name}.{'[0-9a-f]' * 8}"
        folders = [path for path in self.path.parent.glob(pattern) if path.is_dir()]
        drafts.clear(self.path.parent, f".{self.path.name}")
        kept: set[str] = set()
        for mark in (*self.path.parent.glob(f".{self.path.name}.*.part"), self.path):
            with suppress(OSError):  # completed meanwhile: then it is the home's, asked last
                kept.add(mark.readlink().name)
        for folder in folders:
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _alone(self, progress: Progress) -> Iterator[None]:
        """Wait for a process that makes it already, where locks mean something."""
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(f"{self.path}.lock", flags, disk.FILE_MODE)
        except OSError:  # another user's: the lock only saves work
            yield
            return
        try:
            with suppress(OSError):  # a file system without locks
                self._wait(descriptor, progress)
            yield
        finally:
            os.close(descriptor)

    def _wait(self, descriptor: int, progress: Progress) -> None:
        is_told = False
        while not _is_locked(descriptor):
            holder = _holder(descriptor)
            if self.is_complete or (holder and holder.is_stopped):
                return
            if not is_told:
                who = f"process {holder.pid}" if holder else "another process"
                progress.step(f"Waiting for {who}, which makes the environment `{self.path}`")
                is_told = True
            time.sleep(_LOOK)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(Process.current()).encode(), 0)


def _is_locked(descriptor: int) -> bool:
    """Take the lock, unless another process has it; raises OSError where there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> Process | None:
    """The process that has the lock, as far as it has said so."""
    try:
        return Process.parse(os.pread(descriptor, 200, 0).decode())
    except ValueError:
        return None
