"""Memo: remembers the inputs of the last build, so that an unchanged project is not built again.

Only what the command line asks for most: a project as it is. Whatever a build reads is part of the
state, by content; where that cannot be said, nothing is remembered. It saves work, and nothing
rests on it: a bundle that the store no longer has is built.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...runtime import canonical
from ...runtime import digest as digests
from ...runtime.manifests.bundle_manifest import BundleManifest
from ...runtime.version import __version__
from ..errors import BuildError, NotFound
from ..project.source_tree import SourceTree
from ..store import drafts
from ..store.files import record
from .contents.vendored_runtime import PACKAGE

if TYPE_CHECKING:
    from ..project.project import Project
    from ..store import Item, Store
    from .building import Built

SCHEMA = 2
POLICY = "policy.yaml"  # of `signing.policy`, whose import takes longer than this module
_SOURCES = "src/"  # of a bundle
_PARTS = ("runtime", "bundler", "templates")  # of this tool: what decides on a bundle

Sources = Mapping[str, tuple[str, bool]]
"""Path -> digest and whether it is executable."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A bundle that a new build would reproduce."""

    item: "Item"
    directory: Path
    manifest: BundleManifest
    warnings: tuple[str, ...]
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Memo:
    """Of one bundlefile, for one choice of platform and accelerator."""

    store: "Store"
    root: Path
    bundlefile: Path
    choice: Sequence[str | None] = field(default=())

    def recall(self) -> Unchanged | None:
        """The bundle of the last build, if a new build would give the same."""
        try:
            data = record.load(self._path)
            if data["state"] != self._state(data["read"], self._sources(data["read"])):
                return None
            item = self.store.find(data["digest"], "bundle")
            directory = self.store.directory(item)
            manifest = BundleManifest.read(directory)
        except (OSError, ValueError, KeyError, TypeError, NotFound, BuildError):
            return None
        return Unchanged(item, directory, manifest, tuple(data["warnings"]), tuple(data["why"]))

    def remember(self, project: "Project", built: "Built") -> None:
        """Keep what this build was made of, unless more than can be listed decided on it."""
        python = project.bundlefile.python
        wanted = python.requirements
        if built.item is None or python.find_links or str(wanted).endswith((".txt", ".in")):
            return
        read = {
            "name": project.bundlefile.name,
            "include": list(project.bundlefile.include),
            "exclude": list(project.exclude),
            "files": [python.lock, *([wanted] if isinstance(wanted, str) else [])],
        }
        try:
            state = self._state(read, _built_of(built.manifest))
        except (OSError, ValueError):
            return
        data: dict[str, Any] = {"digest": built.digest, "read": read, "state": state}
        data |= {"warnings": list(built.warnings), "why": list(built.why)}
        drafts.keep(self._path, record.encode(data))

    @property
    def _path(self) -> Path:
        key = [str(self.bundlefile.absolute()), str(self.root), *map(str, self.choice)]
        name = digests.of_bytes(os.fsencode("\0".join(key))).removeprefix("sha256:")
        return self.store.root / "builds" / name

    def _sources(self, read: Mapping[str, Any]) -> Sources:
        """The source files of a build; they were searched for secrets in the last one."""
        tree = SourceTree(self.root, read["include"], read["exclude"])
        return {
            file.path: (digests.of_file(file.absolute), file.executable)
            for file in tree.collect(searched=False)
        }

    def _state(self, read: Mapping[str, Any], sources: Sources) -> str:
        """Digest of all that a build reads."""
        if (self.store.root / POLICY).exists():
            raise ValueError("a policy is asked every time")
        home = self.store.root
        refs = [home / "refs" / "models", home / "refs" / "bundles" / read["name"], home / "trust"]
        state = {
            "schema": SCHEMA,
            "tool": [__version__, *_stats(PACKAGE / part for part in _PARTS)],
            "files": [_content(self.root / name) for name in read["files"]],
            "bundlefile": _content(self.bundlefile),
            "sources": sources,
            "refs": [[path.name, _content(path)] for place in refs for path in _walk(place)],
        }
        return digests.of_bytes(canonical.dumps(state))


def _built_of(manifest: BundleManifest) -> Sources:
    """The sources as the build read them, whatever became of them meanwhile."""
    return {
        entry.path.removeprefix(_SOURCES): (entry.digest, entry.executable)
        for entry in manifest.files
        if entry.path.startswith(_SOURCES)
    }


def _content(path: Path) -> str | None:
    try:
        return digests.of_file(path)
    except FileNotFoundError:
        return None


def _walk(place: Path) -> Iterator[Path]:
    yield from sorted(path for path in place.rglob("*") if path.is_file())


def _stats(places: Iterator[Path]) -> Iterator[list[int | str]]:
    """The state of the tool's own files, which change only in development."""
    waiting = [str(place) for place in places]
    while waiting:
        with os.scandir(waiting.pop(0)) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name == "__pycache__" or entry.name.endswith(".pyc"):
                    continue  # Python writes there at any import
                if entry.is_dir():
                    waiting.append(entry.path)
                else:
                    status = entry.stat()
                    yield [entry.name, status.st_size, status.st_mtime_ns]
