"""`bundle diff`: what one bundle has otherwise than another."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ..runtime.manifest import BundleManifest
from .environment import PIN
from .requirements import normalize

if TYPE_CHECKING:
    from .store import Item, Store

LOCK = "env/requirements.lock"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a comparison looks at: the manifest and the locked versions."""

    manifest: BundleManifest
    packages: Mapping[str, str]

    @classmethod
    def of_item(cls, item: "Item", store: "Store") -> Self:
        """Of a bundle in the store."""
        manifest = BundleManifest.from_json(json.loads(store.config(item)))
        lock = next((entry for entry in manifest.files if entry.path == LOCK), None)
        text = store.blob(lock.digest).read_text("utf-8") if lock else ""
        return cls(manifest, read_pins(text))

    @classmethod
    def of_directory(cls, directory: Path) -> Self:
        """Of a bundle somewhere else."""
        path = directory / LOCK
        text = path.read_text("utf-8") if path.exists() else ""
        return cls(BundleManifest.read(directory), read_pins(text))


def read_pins(text: str) -> dict[str, str]:
    """Name -> version (and marker) out of a requirements.lock."""
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
    """Everything that differs, by kind."""

    models: tuple[Change, ...] = ()
    packages: tuple[Change, ...] = ()
    routes: tuple[Change, ...] = ()
    settings: tuple[Change, ...] = ()
    files: tuple[Change, ...] = field(default=())

    @property
    def is_empty(self) -> bool:
        """Whether both are the same."""
        return not (self.models or self.packages or self.routes or self.settings or self.files)


def diff(before: Contents, after: Contents) -> Difference:
    """What `after` has otherwise than `before`; two equal bundles differ in nothing."""
    one, two = before.manifest, after.manifest
    return Difference(
        models=_changes(_models(one), _models(two)),
        packages=_changes(before.packages, after.packages),
        routes=_changes(_routes(one), _routes(two)),
        settings=_changes(_settings(one), _settings(two)),
        files=_changes(_files(one), _files(two)),
    )


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def _models(manifest: BundleManifest) -> dict[str, Any]:
    return {model.alias: f"{model.name}:{model.version}" for model in manifest.models}


def _routes(manifest: BundleManifest) -> dict[str, Any]:
    return {route.path: route.to_json() for route in manifest.routes}


def _files(manifest: BundleManifest) -> dict[str, Any]:
    return {entry.path: entry.digest for entry in manifest.files}


def _settings(manifest: BundleManifest) -> dict[str, Any]:
    """Every setting by its dotted name."""
    data = manifest.to_json()
    names = data.keys() - {"models", "routes", "files", "lock", "schema"}
    return dict(_flat({name: data[name] for name in sorted(names)}))


def _flat(data: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in data.items():
        if isinstance(value, Mapping) and value:
            flat += _flat(value, f"{prefix}{name}.")
        else:
            flat.append((prefix + name, value))
    return flat
