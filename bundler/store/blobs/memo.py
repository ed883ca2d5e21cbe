"""Memo: remembers the digests of files, so that unchanged ones are not hashed again."""

import os
from contextlib import suppress
from pathlib import Path

from ..files import record
from ..files.workspace import Workspace

# A file changed twice within one tick of its clock keeps its times (the "racy git" problem), so
# only files that were left alone for a while before they were read are remembered.
SETTLED = 2_000_000_000  # nanoseconds


class Memo:
    """One small record for each device and inode; a cache, which may be lost at any time."""

    def __init__(self, directory: Path, workspace: Workspace) -> None:
        self._directory = directory
        self._workspace = workspace

    def get(self, stat: os.stat_result) -> str | None:
        """The digest of a file whose size, times and inode are unchanged since it was hashed."""
        try:
            data = record.load(self._path(stat))
        except (OSError, ValueError):
            return None
        return str(data["digest"]) if data.get("stat") == _identity(stat) else None

    def put(self, stat: os.stat_result, digest: str, now: int) -> None:
        """Store a digest; `now` is the time of the file system's clock, in nanoseconds."""
        if now - max(stat.st_mtime_ns, stat.st_ctime_ns) < SETTLED:
            return
        data = record.encode({"digest": digest, "stat": _identity(stat)})
        with suppress(OSError):
            temporary = self._workspace.new()
            temporary.write_bytes(data)
            temporary.replace(self._path(stat))

    def _path(self, stat: os.stat_result) -> Path:
        return self._directory / f"{stat.st_dev}-{stat.st_ino}"


def _identity(stat: os.stat_result) -> list[int]:
    return [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
