"""Garbage collection: removes what no ref and no running process needs, without stopping anyone.

A blob is moved to the trash, then everybody is asked again, then it is removed or put back. A
writer declares what it needs before it looks whether it is there. So either we see the
declaration and put the blob back, or the writer sees that it is gone and writes its own.
"""

import errno
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..blobs.trees import Trees
from ..files import disk, record, workspace
from ..files.workspace import TRASH, Workspace
from .reach import Reach

_FULL = (errno.ENOSPC, errno.EDQUOT)
_TREE = ".tree"


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """What was removed: blobs, their bytes, trees of links, and leftovers of dead processes."""

    blobs: int
    bytes: int
    trees: int
    leftovers: int


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
            self.reach.forget()
        blobs = self._blobs()  # listed before anyone is asked: a newer one is none of our business
        trees = self._trees()
        live = self.reach.live()
        doomed = [path for path in (*blobs, *trees) if _digest(path) not in live]
        if not dry_run:
            doomed = self._sweep(doomed)
            self._forget()
        sizes = [blobs[path] for path in doomed if path in blobs]
        return Reclaimed(len(sizes), sum(sizes), len(doomed) - len(sizes), len(leftovers))

    def unreached(self) -> int:
        """Bytes that a collection would free."""
        live = self.reach.live()
        return sum(size for path, size in self._blobs().items() if _digest(path) not in live)

    def _blobs(self) -> dict[Path, int]:
        with suppress(FileNotFoundError), os.scandir(self.reach.blobs.directory) as entries:
            return {Path(entry.path): entry.stat().st_size for entry in entries}
        return {}

    def _trees(self) -> list[Path]:
        with suppress(FileNotFoundError):
            return sorted(self.trees.directory.iterdir())
        return []

    def _sweep(self, doomed: list[Path]) -> list[Path]:
        if not doomed:
            return []
        try:
            trash = self.workspace.path / TRASH
            self._empty(trash)
            trash.mkdir(exist_ok=True)
        except OSError as error:
            if error.errno in _FULL:
                return self._sweep_full(doomed)
            raise
        trashed: set[Path] = set()
        needed = trashed  # all of it, until everybody has answered
        try:
            for path in doomed:
                if self._move(path, trash):
                    trashed.add(path)
            live = self.reach.live() if trashed else set()
            needed = {path for path in trashed if _digest(path) in live}
        finally:
            self._put_back(needed, trash)
        removed = trashed - needed
        return [path for path in doomed if path in removed]

    def _put_back(self, needed: Iterable[Path], trash: Path) -> None:
        for path in needed:
            try:
                self._trashed(path, trash).rename(path)
            except OSError:
                if not self._is_tree(path):  # one that somebody made again meanwhile
                    raise
        shutil.rmtree(trash)

    def _sweep_full(self, doomed: list[Path]) -> list[Path]:
        """Without room for a trash: ask once more, then remove what is surely not needed."""
        live = self.reach.live()
        doomed = [path for path in doomed if _digest(path) not in live]
        for path in doomed:
            if self._is_tree(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                disk.remove(path)
        return doomed

    def _move(self, path: Path, trash: Path) -> bool:
        if self._is_tree(path) and _digest(path) in workspace.all_held(self.reach.tmp):
            return False  # a server has just begun to read it
        try:
            path.rename(self._trashed(path, trash))
        except FileNotFoundError:
            return False  # another collection was faster
        return True

    def _trashed(self, path: Path, trash: Path) -> Path:
        """Where it lies in the trash; a tree has the name of a blob, its model.json."""
        return trash / (path.name + _TREE if self._is_tree(path) else path.name)

    def _is_tree(self, path: Path) -> bool:
        return path.parent == self.trees.directory

    def _clear(self, leftover: Path) -> None:
        """Remove what a dead process left; blobs that a collection had in its trash go back."""
        self._empty(leftover / TRASH)
        shutil.rmtree(leftover, ignore_errors=True)

    def _empty(self, trash: Path) -> None:
        """Give back what a collection had in hand that did not come to its end."""
        with suppress(FileNotFoundError, PermissionError):
            for path in trash.iterdir():
                if path.suffix != _TREE:
                    path.rename(self.reach.blobs.path(path.name))

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


def _digest(path: Path) -> str:
    return "sha256:" + path.name
