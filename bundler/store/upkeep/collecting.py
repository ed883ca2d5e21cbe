"""Garbage collection: removes what no ref and no running process needs, without stopping anyone.

A blob is moved to the trash, then refs and processes are read again, then it is removed or put
back. A writer declares what it needs before it looks for it. So either the collection sees the
declaration and puts the blob back, or the writer finds no blob and writes its own.
"""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..blobs.trees import Trees
from ..files import record, workspace
from ..files.workspace import Workspace
from . import trash
from .reach import Reach
from .trash import Trash


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """The removed blobs, their bytes, trees of links, and leftovers of dead processes."""

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
        """Remove garbage; with `dry_run` only report how much there is."""
        leftovers = workspace.abandoned(self.reach.tmp)
        if not dry_run:
            for path in leftovers:
                self._clear(path)
            self.reach.forget()
        blobs = self.reach.blobs.all()  # before the refs are read: newer ones are left alone
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
        live, blobs = self.reach.live(), self.reach.blobs.all()
        return sum(size for path, size in blobs.items() if _digest(path) not in live)

    def _trees(self) -> list[Path]:
        with suppress(FileNotFoundError):
            return sorted(self.trees.directory.iterdir())
        return []

    def _sweep(self, doomed: list[Path]) -> list[Path]:
        removed: list[Path] = []
        while doomed:
            own = Trash.open(self.workspace)
            self._resume(own)
            gone, doomed = self._sweep_some(own, doomed)
            removed += gone
        return removed

    def _sweep_some(self, own: Trash, doomed: list[Path]) -> tuple[list[Path], list[Path]]:
        """Remove as much as fits into the trash; returns what was removed, and the rest."""
        taken: list[Path] = []
        needed = taken  # all of it, until refs and processes were read again
        try:
            left = self._fill(own, doomed, taken)
            live = self.reach.live() if taken else set()
            needed = [path for path in taken if _digest(path) in live]
        finally:
            for path in needed:
                own.put_back(path, tree=self._is_tree(path))
            for path in taken:
                own.discard(path, tree=self._is_tree(path))
            own.close()
        back = set(needed)
        return [path for path in taken if path not in back], left

    def _fill(self, own: Trash, doomed: list[Path], taken: list[Path]) -> list[Path]:
        """Move candidates to the trash as far as there is room; returns the rest."""
        for number, path in enumerate(doomed):
            try:
                if self._take(own, path):
                    taken.append(path)
            except OSError as error:
                if error.errno in trash.FULL and taken:
                    return doomed[number:]
                raise
        return []

    def _take(self, own: Trash, path: Path) -> bool:
        tree = self._is_tree(path)
        if tree and _digest(path) in workspace.all_held(self.reach.tmp):
            return False  # a server has just begun to read it
        return own.take(path, tree=tree)

    def _resume(self, own: Trash) -> None:
        """Put back what an earlier collection of this process has left in the trash."""
        for path in trash.loose(self.reach.tmp):
            self._clear(path)
        if not own.owner:
            trash.empty(own.directory.parent, self.reach.blobs)

    def _is_tree(self, path: Path) -> bool:
        return path.parent == self.trees.directory

    def _clear(self, leftover: Path) -> None:
        """Remove the workspace of a dead process; blobs in its trash are put back."""
        trash.empty(leftover, self.reach.blobs)
        shutil.rmtree(leftover, ignore_errors=True)

    def _forget(self) -> None:
        """Drop memos of removed blobs."""
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
