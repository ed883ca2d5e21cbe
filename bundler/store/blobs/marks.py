"""Marks: blobs that verification found damaged, which are not used until repaired."""

from contextlib import suppress
from pathlib import Path


class Marks:
    """The folder `damaged/`: an empty file for each damaged blob or tree (`<hex>.tree`)."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def has(self, name: str) -> bool:
        """Whether it was found damaged, and has not been repaired since."""
        return self._path(name).exists()

    def set(self, name: str, *, damaged: bool) -> None:
        """Mark it as damaged; does nothing if the store is read-only."""
        path = self._path(name)
        with suppress(OSError):
            if damaged:
                path.parent.mkdir(exist_ok=True)
                path.touch()
            elif path.exists():
                path.unlink()

    def _path(self, name: str) -> Path:
        return self._directory / name.removeprefix("sha256:")
