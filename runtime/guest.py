"""Guest: a model that came into a running server from the store beside it."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from . import digest
from .errors import InvalidBundle
from .manifest import FileEntry, ModelEntry, ModelManifest, Route

_NO_NAME = "[^A-Za-z0-9_]"


@dataclass(frozen=True, slots=True)
class Guest:
    """A saved model beside those of the bundle.

    directory  `model.json` and its files
    seat       where it counts; see `telemetry.seats`
    """

    entry: ModelEntry
    directory: Path
    manifest: ModelManifest
    seat: int = 0

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
        size = (self.directory / "model.json").stat().st_size
        return (FileEntry("model.json", self.entry.digest, size), *self.manifest.files)

    def to_json(self) -> dict[str, Any]:
        """For another process of the server."""
        return {
            "entry": self.entry.to_json(), "directory": str(self.directory), "seat": self.seat
        }  # fmt: skip

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote, and the model's manifest.

        Raises:
            InvalidBundle: when the directory has another model, or none.
        """
        entry, directory = ModelEntry.from_json(told["entry"]), Path(told["directory"])
        if digest.of_file(directory / "model.json") != entry.digest:
            raise InvalidBundle(f"`{entry.name}:{entry.version}` has another `model.json`.")
        manifest = ModelManifest.read(directory)
        if manifest.executes_code != entry.executes_code:
            raise InvalidBundle(f"`{entry.name}:{entry.version}` is not what it says.")
        return cls(entry, directory, manifest, int(told.get("seat", 0)))

    def called(self, taken: Collection[str]) -> Self:
        """It, by an alias that is not taken: its name, or that with the version behind it."""
        name, version = self.entry.name, re.sub(_NO_NAME, "-", self.entry.version)
        choices = (name, f"{name}-{version}", f"{name}-{self.entry.digest[-12:]}")
        alias = next(each for each in choices if each not in taken or each is choices[-1])
        return replace(self, entry=replace(self.entry, alias=alias))
