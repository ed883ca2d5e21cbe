"""The layout of the store on disk, and its version."""

from contextlib import suppress
from pathlib import Path

import orjson

from ...errors import StoreError
from . import disk
from .workspace import Workspace

VERSION = 1
OCI = b'{"imageLayoutVersion":"1.0.0"}\n'
OURS = b'{"layout":%d}\n' % VERSION
_FIXED = (("layout.json", OURS), ("oci-layout", OCI))
DIRECTORIES = (
    "blobs", "blobs/sha256", "refs", "refs/models", "refs/bundles", "counter", "memo", "tmp",
    "trees", "trust",
)  # fmt: skip


class Layout:
    """The fixed files and folders of a store."""

    def __init__(self, root: Path, workspace: Workspace) -> None:
        self._root = root
        self._workspace = workspace
        self._ready = False

    def check(self) -> None:
        """Refuse a store of a newer layout, before anything is read or changed.

        Raises:
            StoreError: naming the file with the version.
        """
        path = self._root / "layout.json"
        with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            version = orjson.loads(disk.read(path))["layout"]
            if isinstance(version, int) and version > VERSION:
                raise StoreError(
                    f"`{path}` says layout {version}; this version reads up to {VERSION}.",
                    hint="Upgrade with `pip install -U modelbundle`.",
                )

    def prepare(self) -> None:
        """Create missing files and folders; called before every change."""
        self.check()
        if self._ready:
            return
        self._make_root()
        for name in DIRECTORIES:
            if disk.make_directory(self._root / name):
                disk.sync_directory((self._root / name).parent)
        for name, data in _FIXED:
            self._write(self._root / name, data)
        self._ready = True

    def mend(self) -> None:
        """Rewrite fixed files that are damaged."""
        for name, data in _FIXED:
            path = self._root / name
            with suppress(OSError):  # what cannot be read is replaced
                if disk.read_whole(path) == data:
                    continue
            with suppress(IsADirectoryError), self._workspace.file(data) as temporary:
                temporary.replace(path)
            disk.sync_directory(path.parent)

    def _make_root(self) -> None:
        missing = [path for path in (self._root, *self._root.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(0o700, exist_ok=True)
            disk.sync_directory(path.parent)

    def _write(self, path: Path, data: bytes) -> None:
        if not path.exists():
            with self._workspace.file(data) as temporary:
                temporary.replace(path)
            disk.sync_directory(path.parent)
