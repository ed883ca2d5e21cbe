"""Marks: blobs that verification found damaged, which are not used until repaired."""

from pathlib import Path


class Marks:
    """The folder `damaged/`: an empty file for each damaged blob or tree (`<hex>.tree`).

    Marks that cannot be written (a read-only store, a failing disk) are kept in memory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._unwritten: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether it was found damaged, and has not been repaired since."""
        return name in self._unwritten or self._path(name).exists()

    def set(self, name: str, *, damaged: bool) -> None:
        """Mark it as damaged, or as sound."""
        path = self._path(name)
        self._unwritten.discard(name)
        try:
            if damaged:
                path.parent.mkdir(exist_ok=True)
                path.touch()
            elif path.exists():
                path.unlink()
        except OSError:
            if damaged:
                self._unwritten.add(name)

    def _path(self, name: str) -> Path:
        return self._directory / name.removeprefix("sha256:")
