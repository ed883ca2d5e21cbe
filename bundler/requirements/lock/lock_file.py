"""LockFile: `bundle.lock`, which holds a lock for each accelerator that a bundlefile names."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from ....runtime import canonical
from ....runtime.errors import in_short
from ...errors import ResolveError
from ...untrusted import plain_file
from ..index import Index
from . import lock_validation
from .lock import SCHEMA, BaseImage, Lock, LockedModel
from .package import Package


@dataclass(frozen=True, slots=True)
class LockFile:
    """Accelerator -> its lock; all of one project, so they differ in packages and base alone."""

    variants: Mapping[str, Lock]

    @property
    def models(self) -> Mapping[str, LockedModel]:
        """Alias -> the model that was meant."""
        return next(iter(self.variants.values())).models

    def has(self, accelerator: str, asked: str) -> bool:
        """Whether it holds a lock for this accelerator and the digest of what was asked for."""
        found = self.variants.get(accelerator)
        return found is not None and found.input == asked

    @property
    def versions(self) -> dict[str, str]:
        """Name -> version of every package of the first variant that has it."""
        found: dict[str, str] = {}
        for lock in self.variants.values():
            for package in lock.packages:
                found.setdefault(package.name, package.version)
        return found

    def to_json(self) -> dict[str, Any]:
        """As it stands on disk: what differs between variants says to which it belongs."""
        first = next(iter(self.variants.values()))
        return {
            "schema": SCHEMA,
            "python": first.python,
            "platforms": list(first.platforms),
            "exclude_newer": first.exclude_newer,
            "indexes": [index.to_json() for index in first.indexes],
            "models": {
                alias: {"name": model.name, "version": model.version, "digest": model.digest}
                for alias, model in first.models.items()
            },
            "variants": {
                accelerator: {
                    "input": lock.input,
                    "base": {"reference": lock.base.reference, "digest": lock.base.digest},
                }
                for accelerator, lock in self.variants.items()
            },
            "packages": [package.to_json() for package in self._packages()],
        }

    def _packages(self) -> list[Package]:
        owners: dict[str, tuple[Package, list[str]]] = {}
        for accelerator, lock in self.variants.items():
            for package in lock.packages:
                key = json.dumps(package.to_json(), sort_keys=True)
                owners.setdefault(key, (package, []))[1].append(accelerator)
        everywhere = list(self.variants)
        packages = [
            replace(package, accelerators=() if found == everywhere else tuple(found))
            for package, found in owners.values()
        ]
        return sorted(packages, key=lambda p: (p.name, p.version, p.accelerators))

    def encode(self) -> bytes:
        """The bytes of `bundle.lock`."""
        return canonical.pretty(self.to_json())

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote, in this version or before."""
        variants = data.get("variants")
        if variants is None:  # schema 1 knew one accelerator
            variants = {data["accelerator"]: {"input": data["input"], "base": data["base"]}}
        packages = [Package.from_json(package) for package in data["packages"]]
        models = {alias: LockedModel(**model) for alias, model in data["models"].items()}
        return cls(
            {
                accelerator: Lock(
                    input=variant["input"],
                    python=data["python"],
                    platforms=tuple(data["platforms"]),
                    accelerator=accelerator,
                    exclude_newer=data["exclude_newer"],
                    indexes=tuple(Index.from_json(index) for index in data["indexes"]),
                    base=BaseImage(**variant["base"]),
                    models=models,
                    packages=tuple(
                        replace(package, accelerators=())
                        for package in packages
                        if not package.accelerators or accelerator in package.accelerators
                    ),
                )
                for accelerator, variant in variants.items()
            }
        )

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The locks at `path`, or None where there are none.

        Raises:
            ResolveError: when the file is not a lock, or one of a newer version.
        """
        try:
            data = json.loads(plain_file.read(path))
            if data["schema"] > SCHEMA:
                raise ResolveError(
                    f"`{path}` has schema {data['schema']}; this version reads up to {SCHEMA}.",
                    hint="Upgrade with `pip install -U modelbundle`.",
                )
            lock_validation.check(data)
            found = cls.from_json(data)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
            raise ResolveError(
                f"`{path}` is not a lock: {in_short(error):.200}.",
                hint="Delete it and run `bundle lock`.",
            ) from error
        return found if found.variants else None
