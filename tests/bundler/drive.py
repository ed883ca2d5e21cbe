"""Drive: what a power cut would leave, by what was synced; with no chance in it."""

import os
import stat as modes
from pathlib import Path


class Drive:
    """Writes down how each file and directory was when it was last synced."""

    def __init__(self, monkeypatch):
        self._kept = {}
        self._pinned = {}  # what is held open: no other file gets its number
        self._sync = os.fsync
        monkeypatch.setattr(os, "fsync", self._fsync)

    def close(self):
        """Let go of all files."""
        for descriptor in self._pinned.values():
            os.close(descriptor)

    def keep(self, directory):
        """All below a directory is synced, as `syncfs` does it."""
        for parent, _, files in os.walk(directory):
            for path in (Path(parent), *(Path(parent, name) for name in files)):
                self._note(path)

    def left(self, directory):
        """The files that would be there, by their paths."""
        return dict(self._left(directory.stat().st_ino, ""))

    def names(self, directory):
        """The names that would be in a directory."""
        return set(self._kept.get(directory.stat().st_ino, ()))

    def _fsync(self, descriptor):
        self._sync(descriptor)
        self._note(Path(f"/proc/self/fd/{descriptor}").readlink())

    def _note(self, path):
        inode, about = self._pin(path), path.stat()
        if modes.S_ISDIR(about.st_mode):
            self._kept[inode] = {each.name: self._pin(each) for each in path.iterdir()}
        else:
            self._kept[inode] = state(about)

    def _pin(self, path):
        descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW)
        inode = os.fstat(descriptor).st_ino
        if self._pinned.setdefault(inode, descriptor) != descriptor:
            os.close(descriptor)
        return inode

    def _left(self, inode, path):
        kept = self._kept.get(inode)
        if isinstance(kept, dict):
            for name, within in kept.items():
                yield from self._left(within, f"{path}/{name}")
        elif kept:
            yield path, kept


def there(directory):
    """The files that are there, by their paths."""
    files = [path for path in directory.rglob("*") if not path.is_dir()]
    return {f"/{path.relative_to(directory)}": state(path.lstat()) for path in files}


def state(about):
    return about.st_size, about.st_mtime_ns, modes.S_IMODE(about.st_mode)
