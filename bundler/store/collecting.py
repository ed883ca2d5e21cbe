"""Garbage collection: removes what no ref and no running process needs, without stopping anyone.

A blob is moved to the trash, then everybody is asked again, then it is removed or put back. A
writer declares what it needs before it looks whether it is there. So either we see the
declaration and put the blob back, or the writer sees that it is gone and writes its own.
"""

import errno
import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from . import disk, record, workspace
from .reach import Reach
from .trees import Trees
from .workspace import TRASH, Workspace

_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """What was removed: blobs, their bytes, trees of links, and leftovers of dead processes."""

    blobs: int
    bytes: int
    trees: int = 0
    leftovers: int = 0


@dataclass(frozen=True, slots=True)
class Collector:
    """One garbage collection."""

    reach: Reach
    trees: Trees
    workspace: Workspace
    memo: Path

    def collect(self, *, dry_run: bool) -> Reclaimed:
        """Remove garbage; with `dry_run` only say how much there is."""
        leftovers = workspace.abandoned(self.reach.tmp)
        if not dry_run:
            for path in leftovers:
                self._clear(path)
        blobs = self._blobs()  # listed before anyone is asked: a newer one is none of our business
        live = self.reach.live()
        garbage = {digest: size for digest, size in blobs.items() if digest not in live}
        trees = [path for path in self._trees() if "sha256:" + path.name not in live]
        if not dry_run:
            for path in trees:
                self.trees.remove(path)
            garbage = {digest: garbage[digest] for digest in self._sweep(garbage)}
            self._forget()
        return Reclaimed(len(garbage), sum(garbage.values()), len(trees), len(leftovers))

    def unreached(self) -> int:
        """Bytes that a collection would free."""
        live = self.reach.live()
        return sum(size for digest, size in self._blobs().items() if digest not in live)

    def _blobs(self) -> dict[str, int]:
        with suppress(FileNotFoundError), os.scandir(self.reach.blobs.directory) as entries:
            return {"sha256:" + entry.name: entry.stat().st_size for entry in entries}
        return {}

    def _trees(self) -> list[Path]:
        with suppress(FileNotFoundError):
            return sorted(self.trees.directory.iterdir())
        return []

    def _sweep(self, garbage: Collection[str]) -> list[str]:
        if not garbage:
            return []
        try:
            trash = self.workspace.path / TRASH
            trash.mkdir(exist_ok=True)
        except OSError as error:
            if error.errno in _FULL:
                return self._sweep_full(garbage)
            raise
        trashed = [digest for digest in garbage if self._move(digest, trash)]
        live = self.reach.live() if trashed else set()
        for digest in live.intersection(trashed):
            self._put_back(trash / _hex(digest))
        shutil.rmtree(trash)
        return [digest for digest in trashed if digest not in live]

    def _sweep_full(self, garbage: Collection[str]) -> list[str]:
        """Without room for a trash: ask once more, then remove what is surely not needed."""
        live = self.reach.live()
        doomed = [digest for digest in garbage if digest not in live]
        return [digest for digest in doomed if disk.remove(self.reach.blobs.path(digest))]

    def _move(self, digest: str, trash: Path) -> bool:
        try:
            self.reach.blobs.path(digest).rename(trash / _hex(digest))
        except FileNotFoundError:
            return False  # another collection was faster
        return True

    def _put_back(self, path: Path) -> None:
        path.rename(self.reach.blobs.path(path.name))

    def _clear(self, leftover: Path) -> None:
        """Remove what a dead process left; what a collection had in its trash, goes back first."""
        with suppress(FileNotFoundError, PermissionError):
            for path in (leftover / TRASH).iterdir():
                self._put_back(path)
        shutil.rmtree(leftover, ignore_errors=True)

    def _forget(self) -> None:
        """Drop memos of blobs that are gone."""
        with suppress(FileNotFoundError):
            for path in list(self.memo.iterdir()):
                with suppress(OSError):
                    if not self._is_useful(path):
                        path.unlink()

    def _is_useful(self, memo: Path) -> bool:
        try:
            return self.reach.blobs.path(str(record.load(memo)["digest"])).exists()
        except (ValueError, KeyError):
            return False


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")
