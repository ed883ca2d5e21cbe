"""FileEntry: one file of a model or a bundle, as its manifest lists it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, get_type_hints

from . import json_types


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file, by its path (relative, posix), digest and size in bytes."""

    path: str
    digest: str
    size: int
    executable: bool = False

    def to_json(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        data: dict[str, Any] = {"path": self.path, "digest": self.digest, "size": self.size}
        return data | ({"executable": True} if self.executable else {})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: for another type, and a path that leaves the directory of the manifest.
        """
        json_types.check(data, _TYPES)
        path = inside(data["path"])
        return cls(path, data["digest"], data["size"], data.get("executable", False))


_TYPES = get_type_hints(FileEntry)


def inside(path: str) -> str:
    """The path, if it stays in the directory that it is relative to.

    Raises:
        ValueError: when it does not.
    """
    parts = path.split("/")
    if "\\" in path or "\0" in path or {"", ".", ".."} & set(parts):
        raise ValueError(f"{path!r} is not a path inside")
    return path
