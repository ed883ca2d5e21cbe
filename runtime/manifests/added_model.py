"""AddedModel: a model that was added to a running server from the store."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from .. import digest
from ..errors import InvalidBundle
from .file_entry import FileEntry
from .model_entry import ModelEntry
from .model_manifest import ModelManifest
from .route import Route

_NO_NAME = "[^A-Za-z0-9_]"


@dataclass(frozen=True, slots=True)
class AddedModel:
    """A saved model beside those of the bundle.

    directory  `model.json` and its files
    size       bytes of `model.json`
    slot       where it counts; see `telemetry.reserved_slots`
    """

    entry: ModelEntry
    directory: Path
    manifest: ModelManifest
    size: int = 0
    slot: int = 0

    @property
    def alias(self) -> str:
        """Its name on the wire."""
        return self.entry.alias

    @property
    def routes(self) -> tuple[Route, ...]:
        """One for each method, below its alias."""
        return tuple(
            Route(f"/{self.alias}/{name}", name, model=self.alias, batchable=signature.batchable)
            for name, signature in self.manifest.methods.items()
        )

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """Every file in its directory, `model.json` too."""
        entry = FileEntry("model.json", self.entry.digest, self.size)
        return (entry, *self.manifest.files)

    def to_json(self) -> dict[str, Any]:
        """For another process of the server, which may read it when the files have gone again."""
        return {
            "entry": self.entry.to_json(), "directory": str(self.directory), "slot": self.slot,
            "size": self.size, "manifest": self.manifest.to_json(),
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        entry, manifest = data["entry"], data["manifest"]
        return cls(
            ModelEntry.from_json(entry),
            Path(data["directory"]),
            ModelManifest.from_json(manifest),
            data["size"],
            data["slot"],
        )

    @classmethod
    def laid_out(cls, data: Mapping[str, Any]) -> Self:
        """A model, an `entry`, that somebody has laid out in a `directory`.

        Raises:
            InvalidBundle: when the directory has another model, or none.
        """
        entry, directory = ModelEntry.from_json(data["entry"]), Path(data["directory"])
        path = directory / "model.json"
        if digest.of_file(path) != entry.digest:
            raise InvalidBundle(f"`{entry.name}:{entry.version}` has another `model.json`.")
        manifest = ModelManifest.read(directory)
        if manifest.executes_code != entry.executes_code:
            raise InvalidBundle(f"`{entry.name}:{entry.version}` is not what it says.")
        return cls(entry, directory, manifest, path.stat().st_size)

    def called(self, taken: Collection[str]) -> Self:
        """It, by an alias that is not taken: its name, or that with the version behind it."""
        name, version = self.entry.name, re.sub(_NO_NAME, "-", self.entry.version)
        choices = (name, f"{name}-{version}", f"{name}-{self.entry.digest[-12:]}")
        alias = next(each for each in choices if each not in taken or each is choices[-1])
        return replace(self, entry=replace(self.entry, alias=alias))
