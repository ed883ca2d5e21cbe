"""Trash: what a garbage collection has removed, until refs and processes were read again."""

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ..blobs.blobs import Blobs
from ..files import disk, workspace
from ..files.process import Process
from ..files.workspace import TRASH, Workspace

FULL = (errno.ENOSPC, errno.EDQUOT)
_BLOB = re.compile(r"[0-9a-f]{64}")
_TREE = "-tree"  # a tree has the name of a blob, its model.json


@dataclass(frozen=True, slots=True)
class Trash:
    """A folder of the workspace; blobs and trees are renamed into it, and back.

    If the disk is too full for a folder, they are renamed into `tmp/` itself, with the process in
    their names, because a rename takes no space.
    """

    directory: Path
    owner: str = ""

    @classmethod
    def open(cls, own: Workspace) -> Self:
        """The trash of this process; raises OSError without the permission to create it."""
        try:
            directory = own.path / TRASH
            directory.mkdir(exist_ok=True)
        except OSError as error:
            if error.errno not in FULL:
                raise
            return cls(own.parent, f"{Process.current()}.")
        return cls(directory)

    def take(self, path: Path, *, tree: bool) -> bool:
        """Move a blob or a tree to the trash; False if another collection was faster."""
        try:
            path.rename(self._place(path, tree=tree))
        except FileNotFoundError:
            return False
        return True

    def put_back(self, path: Path, *, tree: bool) -> None:
        """Move it back to `path`, unless that exists again."""
        try:
            self._place(path, tree=tree).rename(path)
        except OSError:
            if not path.exists():
                raise

    def discard(self, path: Path, *, tree: bool) -> None:
        """Delete it, if it is still in the trash."""
        _remove(self._place(path, tree=tree))

    def close(self) -> None:
        """Remove the folder, if there is one."""
        if not self.owner:
            shutil.rmtree(self.directory)

    def _place(self, path: Path, *, tree: bool) -> Path:
        return self.directory / (self.owner + path.name + (_TREE if tree else ""))


def empty(left: Path, blobs: Blobs) -> None:
    """Put back the trash of a garbage collection that did not finish.

    left   a workspace, or a single file in `tmp/`. Blobs are put back; trees can be rebuilt
    """
    name = left.name.rpartition(".")[2]
    if _BLOB.fullmatch(name):
        with suppress(FileNotFoundError, PermissionError):
            left.rename(blobs.path(name))
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        for path in (left / TRASH).iterdir():
            if _BLOB.fullmatch(path.name):
                path.rename(blobs.path(path.name))


def loose(directory: Path) -> Iterator[Path]:
    """What this process has put into `tmp/` itself."""
    for path in workspace.workspaces(directory):
        owner, _, name = path.name.rpartition(".")
        if owner == str(Process.current()) and _BLOB.fullmatch(name.removesuffix(_TREE)):
            yield path


def places(name: str, directory: Path) -> Iterator[Path]:
    """The paths where a blob may be that is in the trash of a collection."""
    for path in workspace.workspaces(directory):
        yield path if path.name.endswith("." + name) else path / TRASH / name


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        disk.remove(path)
