"""Trash: what a collection has in hand until everybody has been asked again."""

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
    """A rename away from where things were, and a rename back.

    It is a folder of the workspace. Where the disk has no room for one, things lie in `tmp/`
    itself, by a name that says whose they are: to rename a file takes no room.
    """

    directory: Path
    owner: str = ""

    @classmethod
    def open(cls, own: Workspace) -> Self:
        """That of this process; raises OSError where it cannot be made for want of leave."""
        try:
            directory = own.path / TRASH
            directory.mkdir(exist_ok=True)
        except OSError as error:
            if error.errno not in FULL:
                raise
            return cls(own.parent, f"{Process.current()}.")
        return cls(directory)

    def take(self, path: Path, *, tree: bool) -> bool:
        """Take a blob or a tree in hand; False where another collection was faster."""
        try:
            path.rename(self._place(path, tree=tree))
        except FileNotFoundError:
            return False
        return True

    def put_back(self, path: Path, *, tree: bool) -> None:
        """Bring it back to `path`, unless that is there again."""
        try:
            self._place(path, tree=tree).rename(path)
        except OSError:
            if not path.exists():
                raise

    def discard(self, path: Path, *, tree: bool) -> None:
        """Remove it for good, if it still is in hand."""
        _remove(self._place(path, tree=tree))

    def close(self) -> None:
        """Take the folder away, where it is one."""
        if not self.owner:
            shutil.rmtree(self.directory)

    def _place(self, path: Path, *, tree: bool) -> Path:
        return self.directory / (self.owner + path.name + (_TREE if tree else ""))


def empty(left: Path, blobs: Blobs) -> None:
    """Give back what a collection had in hand that did not come to its end.

    `left` is a workspace, or what lies beside them: blobs go back, and trees are made again.
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
    """What this process has in hand in `tmp/` itself."""
    for path in workspace.workspaces(directory):
        owner, _, name = path.name.rpartition(".")
        if owner == str(Process.current()) and _BLOB.fullmatch(name.removesuffix(_TREE)):
            yield path


def places(name: str, directory: Path) -> Iterator[Path]:
    """Where the blob may lie that some collection has in hand."""
    for path in workspace.workspaces(directory):
        yield path if path.name.endswith("." + name) else path / TRASH / name


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        disk.remove(path)
