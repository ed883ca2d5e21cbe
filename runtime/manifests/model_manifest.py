"""ModelManifest: `model.json`, what a saved model is made of and how it is loaded and called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, get_type_hints

from .. import canonical
from ..errors import InvalidModel
from . import json_types, manifest_file, model_validation
from .file_entry import FileEntry, inside
from .signature import Signature

SECTION = "io.modelbundle.model.v1"
CODE = "code"  # the folder of a model's own source
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """A saved model.

    framework      the adapter's name ("sklearn", "torch", ...)
    loader         "module:Class" of the adapter, importable inside a bundle
    format         of the weights ("pickle", "safetensors", "ubj", "onnx", ...)
    python         version that saved it, e.g. "3.11.7"
    packages       distribution -> version actually imported at save, without local parts
    methods        method -> signature; the first is the default
    files          every file beside `model.json`, samples included
    executes_code  whether loading runs code out of the files (pickles, `code/`)
    globals        file -> "module.name" of every global that its pickle asks for
    options        what the adapter wrote down for its own loader
    samples        method -> path of the recorded input/output pairs
    """

    framework: str
    loader: str
    format: str
    python: str | None
    packages: Mapping[str, str]
    methods: Mapping[str, Signature]
    files: tuple[FileEntry, ...]
    executes_code: bool
    globals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    samples: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def default_method(self) -> str:
        """The method that a bare prediction calls.

        Raises:
            InvalidModel: when it is an object without any.
        """
        for method in self.methods:
            return method
        raise InvalidModel(
            "The model has no methods; it is an object to use as it is.",
            hint='In a service, `modelbundle.model("...").object` gives it.',
        )

    @property
    def code(self) -> tuple[str, ...]:
        """The author's source files that loading runs, by their path in the model."""
        return tuple(entry.path for entry in self.files if entry.path.startswith(f"{CODE}/"))

    def to_json(self) -> dict[str, Any]:
        """The whole manifest: a ModelPack config with ours as one more section.

        Source: github.com/modelpack/model-spec, docs/config.md. The order of `diffIds` is that of
        our `files`.
        """
        files = sorted(self.files, key=lambda entry: entry.path)
        return {
            "descriptor": {},
            "config": {"format": self.format},
            "modelfs": {"type": "layers", "diffIds": [entry.digest for entry in files]},
            SECTION: self._section(files),
        }

    def encode(self) -> bytes:
        """The bytes of `model.json`; their sha256 is the model's identity."""
        return canonical.dumps(self.to_json())

    def _section(self, files: list[FileEntry]) -> dict[str, Any]:
        return {
            "schema": _SCHEMA,
            "framework": self.framework,
            "loader": self.loader,
            "format": self.format,
            "python": self.python,
            "packages": dict(self.packages),
            # A list, because the order of methods means something.
            "methods": [{"name": n} | s.to_json() for n, s in self.methods.items()],
            "files": [entry.to_json() for entry in files],
            "executes_code": self.executes_code,
            "globals": {path: list(names) for path, names in self.globals.items()},
            "options": dict(self.options),
            "samples": dict(self.samples),
            "labels": dict(self.labels),
            "metadata": dict(self.metadata),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            InvalidBundle: when it is not a model manifest, or one of a newer schema.
        """
        data = data.get(SECTION, {}) if isinstance(data, Mapping) else {}
        manifest_file.check_schema("model.json", data, _SCHEMA)
        try:
            json_types.check(data, _TYPES)
            for method in data["methods"]:
                json_types.check(method, {"name": str, "batchable": bool})
            found = cls(
                framework=data["framework"],
                loader=data["loader"],
                format=data["format"],
                python=data["python"],
                packages=data["packages"],
                methods={m["name"]: Signature.from_json(m) for m in data["methods"]},
                files=tuple(FileEntry.from_json(entry) for entry in data["files"]),
                executes_code=data["executes_code"],
                globals={path: tuple(names) for path, names in data["globals"].items()},
                options=data["options"],
                samples={method: inside(path) for method, path in data["samples"].items()},
                labels=data["labels"],
                metadata=data["metadata"],
            )
            found._check()
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise manifest_file.unlike("model.json", "a model manifest", error) from error
        return found

    def _check(self) -> None:
        sides = (side for one in self.methods.values() for side in (one.inputs, one.outputs))
        model_validation.check_made_with(self.python, self.packages)
        model_validation.check_sides(sides)
        model_validation.check_samples(
            self.samples, self.methods, {file.path for file in self.files}
        )

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read `directory/model.json`."""
        return cls.from_json(manifest_file.read(directory / "model.json"))


_TYPES = get_type_hints(ModelManifest) | {
    "methods": tuple[Mapping[str, Any], ...],
    "files": tuple[Mapping[str, Any], ...],
}
