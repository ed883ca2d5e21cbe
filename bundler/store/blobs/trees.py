"""Trees: items as directories of links to their blobs, made on first use."""

import atexit
import shutil
import stat as modes
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from ....runtime.manifests.file_entry import FileEntry
from ..files import disk
from ..files.placing import place
from ..files.workspace import Workspace
from .blobs import Blobs


class Trees:
    """The folders `trees/<hex of the item's digest>/`: built, then renamed; gc may remove them."""

    def __init__(self, directory: Path, blobs: Blobs, workspace: Workspace) -> None:
        self.directory = directory
        self._blobs = blobs
        self._workspace = workspace

    def path(self, digest: str) -> Path:
        """The path of an item's tree, whether or not it exists."""
        return self.directory / digest.removeprefix("sha256:")

    def is_whole(self, digest: str, files: Sequence[FileEntry]) -> bool:
        """Whether the tree exists, all files have their full length, and none is marked damaged."""
        path = self.path(digest)
        if self._blobs.marks.has(mark(digest)):
            return False
        return path.is_dir() and all(_is_file(path / e.path, e.size) for e in files)

    def make(self, digest: str, files: Sequence[FileEntry]) -> Path:
        """Make the tree of an item, unless it exists; an incomplete one is replaced."""
        path = self.path(digest)
        if self.is_whole(digest, files):
            return path
        with self._workspace.directory() as temporary:
            self.fill(temporary / "tree", files)
            with suppress(FileNotFoundError):
                path.rename(temporary / "old")
            try:
                (temporary / "tree").rename(path)
                self._blobs.marks.set(mark(digest), damaged=False)
            except OSError:
                if not self.is_whole(digest, files):  # else another process was faster
                    raise
        return path

    def lay_out(self, files: Sequence[FileEntry]) -> Path:
        """A new directory of links in the store."""
        path = self._workspace.new()
        self.fill(path, files)
        return path

    def lend(self, files: Sequence[FileEntry]) -> Path:
        """A tree of symbolic links outside of the store, removed when the process ends."""
        directory = Path(tempfile.mkdtemp(prefix="bundle-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        for entry in files:
            destination = directory / entry.path
            destination.parent.mkdir(parents=True, exist_ok=True)
            if entry.executable:
                self._place(entry, destination)
            else:
                destination.symlink_to(self._blobs.find(entry.digest).absolute())
        return directory

    def fill(self, directory: Path, files: Sequence[FileEntry]) -> None:
        """Place files under `directory`, which is created if it does not exist."""
        disk.make_directories(directory)
        made = {directory}
        for entry in files:
            destination = directory / entry.path
            if destination.parent not in made:
                disk.make_directories(destination.parent)
                made.add(destination.parent)
            self._place(entry, destination)

    def _place(self, entry: FileEntry, destination: Path) -> None:
        action = partial(place, destination=destination, executable=entry.executable)
        self._blobs.use(entry.digest, action)


def mark(digest: str) -> str:
    """The name of a tree in `Marks`."""
    return f"{digest}.tree"


def _is_file(path: Path, size: int) -> bool:
    try:
        stat = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return modes.S_ISREG(stat.st_mode) and stat.st_size == size
