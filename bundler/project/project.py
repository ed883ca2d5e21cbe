"""Project: a directory with a bundlefile in it."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..errors import BundlefileError, Problem
from .yaml_scalar import shown

if TYPE_CHECKING:
    from .bundlefile import Bundlefile
    from .source_file import SourceFile

DEFAULT_NAME = "bundlefile.yaml"
_WRITE = "Write one with `bundle init`."
_OTHERS = {
    "bundlefile.yml": "Rename it to `bundlefile.yaml`, or name it with `-f`.",
    "Bundlefile.yaml": "Rename it to `bundlefile.yaml`, or name it with `-f`.",
    "Bundlefile": "Rename it to `bundlefile.yaml`, or name it with `-f`.",
    "bentofile.yaml": "Write a bundlefile beside it with `bundle init`.",
    "cog.yaml": "Write a bundlefile beside it with `bundle init`.",
    "oci-layout": "It is an archive: take it in with `bundle import`.",
    "MLproject": "Write a bundlefile beside it with `bundle init`.",
}


@dataclass(frozen=True, slots=True)
class Project:
    """What a bundle is built from: `root` is what the paths in the bundlefile are relative to."""

    root: Path
    path: Path
    bundlefile: "Bundlefile"

    @classmethod
    def open(cls, target: Path, file: Path | None = None) -> Self:
        """Open the project in the directory `target`, or of the bundlefile `target`.

        `file` is a bundlefile of another name; its paths are relative to the directory `target`.

        Raises:
            BundlefileError: when there is no bundlefile, or with everything that is wrong in it.
        """
        from .bundlefile import Bundlefile

        root, path = cls.place(target, file)
        return cls(root, path, Bundlefile.read(path))

    def sources(self) -> "tuple[SourceFile, ...]":
        """The files that go into the bundle as `src/`, by `include` and `exclude`."""
        from .source_tree import SourceTree

        return SourceTree(self.root, self.bundlefile.include, self.exclude).collect()

    @property
    def exclude(self) -> tuple[str, ...]:
        """The patterns of what stays out, the bundlefile and its lock among them."""
        own = (self.path.resolve(), (self.root / self.bundlefile.python.lock).resolve())
        inside = [path.relative_to(self.root) for path in own if path.is_relative_to(self.root)]
        return (*self.bundlefile.exclude, *(_literal(path) for path in inside))

    @staticmethod
    def place(target: Path, file: Path | None = None) -> tuple[Path, Path]:
        """Root and bundlefile of what `open` would open, without reading it.

        Raises:
            BundlefileError: when there is no bundlefile.
        """
        if file is None and not target.exists():
            message = "There is neither a directory nor a bundlefile of that name."
            raise BundlefileError([Problem(shown(str(target), 300), 0, 0, "", message, _WRITE)])
        path = file or (_find(target) if target.is_dir() else target)
        root = target if target.is_dir() else path.parent
        return root.resolve(), path


def _literal(path: Path) -> str:
    """The git-ignore pattern of exactly that path."""
    return "/" + re.sub(r"([\\*?\[\]!# ])", r"\\\1", path.as_posix())


def _find(directory: Path) -> Path:
    path = directory / DEFAULT_NAME
    if path.exists():
        return path
    place = shown(str(path), 300)
    for name, hint in _OTHERS.items():
        if (directory / name).is_file():
            message = f"There is no `{DEFAULT_NAME}` here, but `{name}`."
            raise BundlefileError([Problem(place, 1, 1, "", message, hint)])
    message = f"There is no `{DEFAULT_NAME}` here."
    raise BundlefileError([Problem(place, 0, 0, "", message, _above(directory) or _WRITE)])


def _above(directory: Path) -> str:
    """A hint at the project that `directory` lies in; empty where it lies in none."""
    for each in directory.resolve().parents:
        if os.path.isfile(each / DEFAULT_NAME):  # noqa: PTH113  # which never raises
            return f"The project is in `{shown(str(each), 300)}`: name that directory."
    return ""
