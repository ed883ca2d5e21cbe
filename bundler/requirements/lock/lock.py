"""Lock: what was resolved for one accelerator; `bundle.lock` holds one or several."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from ....runtime import digest
from ...errors import ResolveError
from .. import index_credentials
from ..index import Index
from ..target import MACHINES
from .package import Package

SCHEMA = 2
UNPINNED = "unpinned"


NAMED = "# --index "
"""The start of a comment with the name and the address of an index, for its credentials."""


def index_arguments(requirements: Path) -> list[str]:
    """The options that tell uv the names of the indexes in a `requirements.lock`.

    Raises:
        ResolveError: when the credentials of one were given for another host.
    """
    lines = requirements.read_text("utf-8").splitlines()
    found = [line.removeprefix(NAMED) for line in lines if line.startswith(NAMED)]
    pairs = [name.partition("=") for name in found]
    index_credentials.check(Index(url, name) for name, _, url in pairs)
    return [word for name in found for word in ("--index", name)]


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
    indexes: tuple[Index, ...]
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
        """The lock for `platform` alone; raises ResolveError when it was not locked for it."""
        if platform not in self.platforms:
            raise ResolveError(
                f"The lock is for {', '.join(self.platforms)}, not for {platform}.",
                hint=f"Add `{platform}` under `platforms` in the bundlefile.",
            )
        packages = tuple(replace(package, platforms=()) for package in self.on(platform))
        return replace(self, platforms=(platform,), packages=packages)

    def requirements(self) -> str:
        """`env/requirements.lock`: for `pip install --no-deps --require-hashes -r` and `uv`."""
        urls = dict.fromkeys(index.url for index in self.indexes)
        torch = dict.fromkeys(package.index for package in self.packages if package.index)
        options = [f"--extra-index-url {url}\n" for url in (*urls, *torch)]
        options += [f"{NAMED}{index.name}={index.url}\n" for index in self.indexes if index.name]
        # Relative to this file, as pip and uv read it.
        options += ["--find-links wheels\n"] if any(p.folder for p in self.packages) else []
        return "".join([*options, *(_line(package) for package in self.packages)])


def _line(package: Package) -> str:
    marker = " or ".join(
        f"platform_machine == '{MACHINES[platform]}'" for platform in package.platforms
    )
    head = f"{package.name}=={package.version}" + (f" ; {marker}" if marker else "")
    hashes = sorted(f"--hash=sha256:{value}" for value in package.files.values())
    return " \\\n    ".join([head, *hashes]) + "\n"
