"""`model.json` and `bundle.json`: what is inside, by digest, and how it is loaded and served.

Both are canonical JSON without a clock, a host, a user or an absolute path, so the sha256 of the
file is the identity of what it describes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from .. import canonical, digest
from ..errors import InvalidBundle, InvalidModel
from . import bundle_words, model_words
from .signature import Signature
from .tuning import Tuning

MODEL_SCHEMA = 1
BUNDLE_SCHEMA = 1
SECTION = "io.modelbundle.model.v1"
CODE = "code"  # the folder of a model's own source


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
            ValueError: for a path that leaves the directory of the manifest.
        """
        path = _inside(data["path"])
        return cls(path, data["digest"], data["size"], data.get("executable", False))


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
            "schema": MODEL_SCHEMA,
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
        data = data.get(SECTION, {})
        _check_schema("model.json", data, MODEL_SCHEMA)
        try:
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
                samples={method: _inside(path) for method, path in data["samples"].items()},
                labels=data["labels"],
                metadata=data["metadata"],
            )
            found._check()
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise InvalidBundle(f"`model.json` is not a model manifest: {error!r}.") from error
        return found

    def _check(self) -> None:
        sides = (side for one in self.methods.values() for side in (one.inputs, one.outputs))
        model_words.check_made_with(self.python, self.packages)
        model_words.check_sides(sides)
        model_words.check_samples(self.samples, self.methods, {file.path for file in self.files})

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read `directory/model.json`."""
        return cls.from_json(_read_json(directory / "model.json"))


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model inside a bundle: `models/<alias>/`.

    `alias` is its name in code and on the wire, `name` and `digest` say which saved model it is,
    `tuning` how it computes where that is not how it was saved. `label` is the alias in the store
    by which the bundlefile named it: "prod" of `iris@prod`. One that `is_lazy` is loaded at its
    first request; after `unload_after` seconds without one it is unloaded, 0 = never.
    """

    alias: str
    name: str
    version: str
    digest: str
    framework: str
    executes_code: bool
    tuning: Tuning = Tuning()  # noqa: RUF009  frozen
    label: str | None = None
    is_lazy: bool = False
    unload_after: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As it stands in `bundle.json`."""
        plain = {
            "alias": self.alias,
            "name": self.name,
            "version": self.version,
            "digest": self.digest,
            "framework": self.framework,
            "executes_code": self.executes_code,
        }
        named = {} if self.label is None else {"label": self.label}
        lazy = {"load": "lazy"} if self.is_lazy else {}
        idle = {"unload_after": self.unload_after} if self.unload_after else {}
        return self.tuning.to_json() | plain | named | lazy | idle

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: for an alias that is no single name, or an unknown tuning.
        """
        if "/" in _inside(data["alias"]):
            raise ValueError(f"{data['alias']!r} is no alias")
        optional = {"tuning", "label", "is_lazy", "unload_after"}
        own = {name: data[name] for name in cls.__dataclass_fields__.keys() - optional}
        return cls(
            **own,
            tuning=Tuning.from_json(data),
            label=data.get("label"),
            is_lazy=data.get("load") == "lazy",
            unload_after=float(data.get("unload_after", 0.0)),
        )


@dataclass(frozen=True, slots=True)
class Route:
    """One prediction route.

    Exactly one of `model` (an alias in `models/`, served by the generated service) and `service`
    (the author's class) is set; `method` is a method of it. `input` and `output` are what
    `runtime.services.contract` writes: {"kind": ..., "schema": JSON Schema} as far as the types
    could be read, else {"kind": "object"}.
    """

    path: str
    method: str
    model: str | None = None
    service: str | None = None
    batchable: bool = True
    max_batch_size: int | None = None  # rows; None = the server's
    latency_budget: float | None = None  # seconds; None = the server's
    streaming: bool = False
    idempotent: bool = False  # a request may run again when the service's process died with it
    doc: str = ""
    input: Mapping[str, Any] = field(default_factory=dict)
    output: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it stands in `bundle.json`."""
        return {name: getattr(self, name) for name in type(self).__dataclass_fields__}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(**{name: data[name] for name in cls.__dataclass_fields__ if name in data})


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
            {"schema": BUNDLE_SCHEMA}
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
        _check_schema("bundle.json", data, BUNDLE_SCHEMA)
        try:
            listed = {"models": ModelEntry, "routes": Route, "files": FileEntry}
            bundle_words.check(data, cls, listed)
            lists = {
                "models": tuple(ModelEntry.from_json(model) for model in data["models"]),
                "routes": tuple(Route.from_json(route) for route in data["routes"]),
                "files": tuple(FileEntry.from_json(entry) for entry in data["files"]),
            }
            names = cls.__dataclass_fields__
            return cls(**({name: data[name] for name in names if name not in lists} | lists))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise InvalidBundle(f"`bundle.json` is not a bundle manifest: {error!r}.") from error

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read `directory/bundle.json`."""
        return cls.from_json(_read_json(directory / "bundle.json"))


def bundle_digest(directory: Path) -> str:
    """The identity of the bundle in `directory`: the sha256 of its `bundle.json`."""
    return digest.of_file(directory / "bundle.json")


def _inside(path: str) -> str:
    parts = path.split("/")
    if "\\" in path or "\0" in path or {"", ".", ".."} & set(parts):
        raise ValueError(f"{path!r} is not a path inside")
    return path


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no key stands twice: another reader might take the other one."""
    found = dict(pairs)
    if len(found) < len(pairs):
        message = "a key stands twice in it"
        raise ValueError(message)
    return found


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes(), object_pairs_hook=_once)
    except FileNotFoundError as error:
        raise InvalidBundle(f"There is no `{path.name}` in `{path.parent}`.") from error
    except (ValueError, RecursionError, OSError) as error:
        raise InvalidBundle(f"`{path}` cannot be read: {error}.") from error
    if not isinstance(data, dict):
        raise InvalidBundle(f"`{path}` is not a JSON object.")
    return data


def _check_schema(name: str, data: Mapping[str, Any], known: int) -> None:
    schema = data.get("schema") if isinstance(data, Mapping) else None
    if not isinstance(schema, int):
        raise InvalidBundle(f"`{name}` names no schema version.")
    if schema > known:
        raise InvalidBundle(
            f"`{name}` has schema {schema}; this version reads up to {known}.",
            hint="Upgrade with `pip install -U modelbundle`.",
        )
