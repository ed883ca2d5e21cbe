"""BundleManifest: `bundle.json`, everything in a bundle and every decision that shaped it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from .. import canonical, digest
from . import bundle_validation, manifest_file
from .file_entry import FileEntry
from .model_entry import ModelEntry
from .route import Route

_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class BundleManifest:
    """A built bundle: everything in it by digest, and every decision that shaped it.

    service      "module:Class" under `src/`, or None for the generated service
    accelerator  {"kind": "cpu"|"cuda", "cuda", "min_driver", "archs", "base", "flavor", "why": []}
    serve        the server's settings, defaults filled in (see `runtime.manifests.settings`)
    security     {"pickle": "deny"|"allow-listed"|"allow", "allow_globals": [...]}
    image        what the Containerfile was rendered from
    """

    name: str
    version: str | None
    description: str
    labels: Mapping[str, str]
    models: tuple[ModelEntry, ...]
    service: str | None
    routes: tuple[Route, ...]
    files: tuple[FileEntry, ...]
    python: str
    lock: str | None
    hermetic: bool
    accelerator: Mapping[str, Any]
    serve: Mapping[str, Any]
    security: Mapping[str, Any]
    image: Mapping[str, Any]
    packer: str

    @property
    def framework(self) -> str | None:
        """The frameworks of its models, for a listing."""
        return ", ".join(dict.fromkeys(model.framework for model in self.models)) or None

    @property
    def executes_code(self) -> bool:
        """Whether serving it runs code that came with it."""
        return self.service is not None or any(model.executes_code for model in self.models)

    def to_json(self) -> dict[str, Any]:
        """The whole manifest."""
        plain = (
            "name",
            "version",
            "description",
            "service",
            "python",
            "lock",
            "hermetic",
            "packer",
        )
        maps = ("labels", "accelerator", "serve", "security", "image")
        return (
            {"schema": _SCHEMA}
            | {name: getattr(self, name) for name in plain}
            | {name: dict(getattr(self, name)) for name in maps}
            | {
                "models": [model.to_json() for model in self.models],
                "routes": [route.to_json() for route in self.routes],
                "files": [e.to_json() for e in sorted(self.files, key=lambda e: e.path)],
            }
        )

    def encode(self) -> bytes:
        """The bytes of `bundle.json`; their sha256 is the bundle's identity."""
        return canonical.dumps(self.to_json())

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            InvalidBundle: when it is not a bundle manifest, or one of a newer schema.
        """
        manifest_file.check_schema("bundle.json", data, _SCHEMA)
        try:
            listed = {"models": ModelEntry, "routes": Route, "files": FileEntry}
            bundle_validation.check(data, cls, listed)
            lists = {
                "models": tuple(ModelEntry.from_json(model) for model in data["models"]),
                "routes": tuple(Route.from_json(route) for route in data["routes"]),
                "files": tuple(FileEntry.from_json(entry) for entry in data["files"]),
            }
            names = cls.__dataclass_fields__
            return cls(**({name: data[name] for name in names if name not in lists} | lists))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise manifest_file.unlike("bundle.json", "a bundle manifest", error) from error

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read `directory/bundle.json`."""
        return cls.from_json(manifest_file.read(directory / "bundle.json"))


def bundle_digest(directory: Path) -> str:
    """The identity of the bundle in `directory`: the sha256 of its `bundle.json`."""
    return digest.of_file(directory / "bundle.json")
