"""Folder: an untrusted directory; lookups never leave it."""

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InvalidSource
from ...untrusted.quotation import quoted
from . import foreign_yaml

_MOST = 20_000  # files
_DEEPEST = 16
_TEXT = 4 << 20  # bytes of a file of words


@dataclass(frozen=True, slots=True)
class Folder:
    """`path` is where it lies, `where` how the person calls it.

    Links are followed as far as `reach` holds what they lead to: a cache keeps a snapshot's files
    beside it.
    """

    path: Path
    where: str
    reach: Path | None = None

    def has(self, name: str) -> bool:
        """Whether there is a file of this name; a link out of the folder is none."""
        try:
            return self.file(name).is_file()
        except InvalidSource:
            return False

    def file(self, name: object) -> Path:
        """The regular file of this relative name, which stands in a stranger's text.

        Raises:
            InvalidSource: when it leaves the folder, or is not there.
        """
        place = self.place(name)
        if not place.is_file():
            raise InvalidSource(f"{self.where} names the file {quoted(str(name))}, which it lacks.")
        return place

    def place(self, name: object) -> Path:
        """What has this relative name, file or directory.

        Raises:
            InvalidSource: when it leaves the folder.
        """
        if not isinstance(name, str) or not is_inside(name):
            raise InvalidSource(
                f"{self.where} names the file {quoted(str(name))}, outside of itself."
            )
        place = self.path / name
        self._check(place, name)
        return place

    def _check(self, place: Path, name: str) -> None:
        reach = (self.reach or self.path).resolve()
        if not place.resolve().is_relative_to(reach):
            raise InvalidSource(f"{self.where} names {quoted(name)}, a link out of it.")

    def read(self, name: str) -> bytes:
        """The bytes of a small file.

        Raises:
            InvalidSource: when it is not there, cannot be read, or is no small file.
        """
        place = self.file(name)
        try:
            with place.open("rb") as file:
                data = file.read(_TEXT + 1)
        except OSError as error:
            raise InvalidSource(
                f"{quoted(name)} of {self.where} cannot be read: {error.strerror}."
            ) from error
        if len(data) > _TEXT:
            raise InvalidSource(f"{quoted(name)} of {self.where} is larger than {_TEXT:,} bytes.")
        return data

    def yaml(self, name: str) -> Mapping[str, Any]:
        """The mapping in a small file of YAML; raises InvalidSource as `read` does."""
        try:
            found = foreign_yaml.loads(self.read(name))
        except ValueError as error:
            raise InvalidSource(f"`{name}` of {self.where} cannot be read: {error}.") from error
        if not isinstance(found, Mapping):
            raise InvalidSource(f"`{name}` of {self.where} cannot be read: it is not a mapping.")
        return found

    def names(self) -> list[str]:
        """The relative names of all regular files in it, sorted.

        Raises:
            InvalidSource: for anything that is neither a file nor a directory, a link out of it,
                and more than anybody keeps.
        """
        found = sorted(self._walk(self.path, 0))
        if len(found) > _MOST:
            raise InvalidSource(f"{self.where} holds more than {_MOST:,} files.")
        return found

    def modules(self) -> list[str]:
        """The names of those that Python could import from here."""
        return [name for name in self.names() if name.endswith(".py") and _is_module(name)]

    def _walk(self, directory: Path, depth: int) -> Iterator[str]:
        if depth > _DEEPEST:
            raise InvalidSource(f"{self.where} is nested deeper than {_DEEPEST} directories.")
        for place in sorted(directory.iterdir()):
            name = place.relative_to(self.path).as_posix()
            if not is_inside(name):
                raise InvalidSource(f"{self.where} holds a file with the odd name {quoted(name)}.")
            if place.is_symlink():
                self._check(place, name)
            mode = place.stat().st_mode
            if stat.S_ISDIR(mode) and not place.is_symlink():
                yield from self._walk(place, depth + 1)
            elif stat.S_ISREG(mode):
                yield name
            else:
                raise InvalidSource(f"{quoted(name)} of {self.where} is not a regular file.")


def is_inside(name: str) -> bool:
    """Whether it is a relative path of plain parts, in the one spelling that a path has."""
    parts = name.split("/")
    is_plain = name.isprintable() and "\\" not in name and len(name) <= 1024  # noqa: PLR2004
    return is_plain and not {"", ".", ".."} & set(parts)


def _is_module(name: str) -> bool:
    return all(part.isidentifier() for part in name.removesuffix(".py").split("/"))
