"""Lock: what was resolved, kept beside the bundlefile in `bundle.lock`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from ...runtime import canonical, digest
from ..errors import ResolveError
from .resolution import MACHINES, Package

SCHEMA = 1
UNPINNED = "unpinned"


@dataclass(frozen=True, slots=True)
class BaseImage:
    """The image that a bundle's own image starts from.

    `digest` is `UNPINNED` until a registry has said it.
    """

    reference: str
    digest: str = UNPINNED

    @property
    def pinned(self) -> str:
        """The reference for a `FROM` line, with the digest where it is known."""
        return self.reference if self.digest == UNPINNED else f"{self.reference}@{self.digest}"


@dataclass(frozen=True, slots=True)
class LockedModel:
    """Which saved model an entry of the bundlefile meant when it was locked."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Lock:
    """Everything that is decided before a build, in a form that a person can review.

    input        digest of all that was asked for; the lock stands while it stays the same
    python       target interpreter, "3.11" or "3.11.9"
    platforms    targets, e.g. ("linux/amd64",)
    accelerator  as asked for: "auto", "cpu", "cuda", "cuda==13.0"
    indexes      further indexes, as the bundlefile names them
    models       alias -> model
    packages     sorted by name
    """

    input: str
    python: str
    platforms: tuple[str, ...]
    accelerator: str
    exclude_newer: str | None
    indexes: tuple[str, ...]
    base: BaseImage
    models: Mapping[str, LockedModel]
    packages: tuple[Package, ...]

    @property
    def digest(self) -> str:
        """Identity of the environment: the digest of its `requirements.lock`."""
        return digest.of_bytes(self.requirements().encode())

    @property
    def compiled(self) -> tuple[str, ...]:
        """Names of packages that are built from source where they are installed."""
        return tuple(package.name for package in self.packages if package.from_source)

    def version(self, name: str) -> str | None:
        """The locked version of the distribution `name` (normalized)."""
        return next((p.version for p in self.packages if p.name == name), None)

    def on(self, platform: str) -> tuple[Package, ...]:
        """The packages that `platform` needs."""
        return tuple(p for p in self.packages if not p.platforms or platform in p.platforms)

    def narrowed(self, platform: str) -> Self:
        """The lock for `platform` alone.

        Raises:
            ResolveError: when it was not locked for it.
        """
        if platform not in self.platforms:
            raise ResolveError(
                f"The lock is for {', '.join(self.platforms)}, not for {platform}.",
                hint=f"Add `{platform}` under `platforms` in the bundlefile.",
            )
        packages = tuple(replace(package, platforms=()) for package in self.on(platform))
        return replace(self, platforms=(platform,), packages=packages)

    def requirements(self) -> str:
        """`env/requirements.lock`: for `pip install --no-deps --require-hashes -r` and `uv`."""
        torch = dict.fromkeys(package.index for package in self.packages if package.index)
        options = [f"--extra-index-url {url}\n" for url in (*self.indexes, *torch)]
        # Relative to this file, as pip and uv read it.
        options += ["--find-links wheels\n"] if any(p.folder for p in self.packages) else []
        return "".join([*options, *(_line(package) for package in self.packages)])

    def to_json(self) -> dict[str, Any]:
        """As it stands in `bundle.lock`."""
        return {
            "schema": SCHEMA,
            "input": self.input,
            "python": self.python,
            "platforms": list(self.platforms),
            "accelerator": self.accelerator,
            "exclude_newer": self.exclude_newer,
            "indexes": list(self.indexes),
            "base": {"reference": self.base.reference, "digest": self.base.digest},
            "models": {
                alias: {"name": model.name, "version": model.version, "digest": model.digest}
                for alias, model in self.models.items()
            },
            "packages": [package.to_json() for package in self.packages],
        }

    def encode(self) -> bytes:
        """The bytes of `bundle.lock`."""
        return canonical.pretty(self.to_json())

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            input=data["input"],
            python=data["python"],
            platforms=tuple(data["platforms"]),
            accelerator=data["accelerator"],
            exclude_newer=data["exclude_newer"],
            indexes=tuple(data["indexes"]),
            base=BaseImage(**data["base"]),
            models={alias: LockedModel(**model) for alias, model in data["models"].items()},
            packages=tuple(Package.from_json(package) for package in data["packages"]),
        )

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The lock at `path`, or None where there is none.

        Raises:
            ResolveError: when the file is not a lock, or one of a newer version.
        """
        try:
            data = json.loads(path.read_bytes())
            if data["schema"] > SCHEMA:
                raise ResolveError(
                    f"`{path}` has schema {data['schema']}; this version reads up to {SCHEMA}.",
                    hint="Upgrade with `pip install -U modelbundle`.",
                )
            return cls.from_json(data)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ResolveError(
                f"`{path}` is not a lock: {error!r}.", hint="Delete it and run `bundle lock`."
            ) from error


def _line(package: Package) -> str:
    marker = " or ".join(
        f"platform_machine == '{MACHINES[platform]}'" for platform in package.platforms
    )
    head = f"{package.name}=={package.version}" + (f" ; {marker}" if marker else "")
    hashes = sorted(f"--hash=sha256:{value}" for value in package.files.values())
    return " \\\n    ".join([head, *hashes]) + "\n"
