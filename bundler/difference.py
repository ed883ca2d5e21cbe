"""`bundle diff`: the differences of two bundles or models."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self

from ..runtime.manifests.bundle_manifest import BundleManifest
from ..runtime.manifests.model_entry import ModelEntry
from ..runtime.manifests.model_manifest import ModelManifest
from .requirements.requirements import normalize
from .requirements.requirements_lock import PATH, PIN
from .untrusted import bundle_text

if TYPE_CHECKING:
    from .store import Item, Store


@dataclass(frozen=True, slots=True)
class Contents:
    """What a comparison looks at, each thing by its name.

    models    alias -> tag
    packages  distribution -> version
    routes    path -> route; of a model, method -> signature
    settings  dotted name -> value
    files     path -> digest
    """

    models: Mapping[str, Any] = field(default_factory=dict)
    packages: Mapping[str, Any] = field(default_factory=dict)
    routes: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_item(cls, item: "Item", store: "Store") -> Self:
        """Of what the store has; nothing in it is run."""
        data = json.loads(store.config(item))
        if item.kind == "model":
            return cls.of_model(ModelManifest.from_json(data))
        manifest = BundleManifest.from_json(data)
        lock = next((entry for entry in manifest.files if entry.path == PATH), None)
        text = bundle_text.read(store.blob(lock.digest), PATH) if lock else ""
        return cls.of_bundle(manifest, text)

    @classmethod
    def of_bundle(cls, manifest: BundleManifest, lock: str) -> Self:
        """Of a bundle with the requirements.lock `lock`."""
        data = manifest.to_json()
        rest = data.keys() - {"models", "routes", "files", "lock", "schema"}
        return cls(
            models={model.alias: _told(model) for model in manifest.models},
            packages=read_pins(lock),
            routes={route.path: route.to_json() for route in manifest.routes},
            settings=_flat({name: data[name] for name in rest}),
            files={entry.path: entry.digest for entry in manifest.files},
        )

    @classmethod
    def of_model(cls, manifest: ModelManifest) -> Self:
        """Of a saved model."""
        names = ("framework", "loader", "format", "python", "executes_code")
        maps = ("globals", "options", "labels", "metadata")
        return cls(
            packages=dict(manifest.packages),
            routes={name: signature.to_json() for name, signature in manifest.methods.items()},
            settings=_flat({name: getattr(manifest, name) for name in (*names, *maps)}),
            files={entry.path: entry.digest for entry in manifest.files},
        )


def _told(model: ModelEntry) -> str:
    """A model's tag, and how it computes where that is not how it was saved."""
    words = model.tuning.words
    return f"{model.name}:{model.version}" + (f" ({words})" if words else "")


def read_pins(text: str) -> dict[str, str]:
    """The versions (and markers) in a requirements.lock, by distribution."""
    found = {}
    for line in text.splitlines():
        if pin := PIN.match(line):
            marker = f" ; {pin[3].strip()}" if pin[3] else ""
            found[normalize(pin[1])] = pin[2] + marker
    return found


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs; None on the side that lacks it."""

    what: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that differs, under the names of `Contents`."""

    models: tuple[Change, ...] = ()
    packages: tuple[Change, ...] = ()
    routes: tuple[Change, ...] = ()
    settings: tuple[Change, ...] = ()
    files: tuple[Change, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether both are the same."""
        return not any(getattr(self, part.name) for part in fields(self))


def diff(before: Contents, after: Contents) -> Difference:
    """What `after` has otherwise than `before`."""
    names = [part.name for part in fields(Contents)]
    return Difference(
        **{name: _changes(getattr(before, name), getattr(after, name)) for name in names}
    )


def parts(change: Change) -> tuple[Change, ...]:
    """What differs within a route or a signature, by dotted names."""
    prefix = f"{change.what}."
    return _changes(_flat(change.before, prefix), _flat(change.after, prefix))


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, by dotted names."""
    flat: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
