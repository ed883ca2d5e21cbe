"""Trees: items as directories of links to their blobs, made when one is first asked for."""

import shutil
import stat as modes
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ...runtime.manifest import FileEntry
from .blobs import Blobs
from .placing import place
from .workspace import Workspace


class Trees:
    """`trees/<hex of the item's digest>/`: built aside, then renamed; gc may take them away."""

    def __init__(self, directory: Path, blobs: Blobs, workspace: Workspace) -> None:
        self.directory = directory
        self._blobs = blobs
        self._workspace = workspace

    def path(self, digest: str) -> Path:
        """Where the tree of an item is, or would be."""
        return self.directory / digest.removeprefix("sha256:")

    def is_whole(self, digest: str, files: Sequence[FileEntry]) -> bool:
        """Whether it is there with every file in full length."""
        path = self.path(digest)
        return path.is_dir() and all(_is_file(path / e.path, e.size) for e in files)

    def make(self, digest: str, files: Sequence[FileEntry]) -> Path:
        """The tree of an item; an incomplete one is replaced."""
        path = self.path(digest)
        if self.is_whole(digest, files):
            return path
        with self._workspace.directory() as temporary:
            self.fill(temporary / "tree", files)
            with suppress(FileNotFoundError):
                path.rename(temporary / "old")
            try:
                (temporary / "tree").rename(path)
            except OSError:
                if not self.is_whole(digest, files):  # else another process was faster
                    raise
        return path

    def fill(self, directory: Path, files: Sequence[FileEntry]) -> None:
        """Place files under `directory`, which is made if need be."""
        directory.mkdir(parents=True, exist_ok=True)
        made = {directory}
        for entry in files:
            destination = directory / entry.path
            if destination.parent not in made:
                destination.parent.mkdir(parents=True, exist_ok=True)
                made.add(destination.parent)
            place(self._blobs.find(entry.digest), destination, executable=entry.executable)

    def remove(self, path: Path) -> None:
        """Take a tree away, in one instant for who looks."""
        with self._workspace.directory() as temporary, suppress(FileNotFoundError):
            path.rename(temporary / "old")
            shutil.rmtree(temporary / "old", ignore_errors=True)


def _is_file(path: Path, size: int) -> bool:
    try:
        stat = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return modes.S_ISREG(stat.st_mode) and stat.st_size == size
