"""Location: the URLs of locked packages, as uv reports them."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from ... import scratch
from ..index import Index
from ..lock.package import Package
from ..resolving import uv
from ..resolving.resolution import TIMEOUT, file_name, project_text
from ..target import Target


@dataclass(frozen=True, slots=True)
class Location:
    """One file of a lock: its sha256 (hex) and its name, and the address of its bytes.

    size    bytes, where an index says it
    """

    digest: str
    name: str
    url: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """The packages of one environment, and their target."""

    target: Target
    packages: tuple[Package, ...]

    @classmethod
    def of(cls, target: Target, packages: Iterable[Package]) -> Self:
        """Add the indexes of packages that have one of their own to the target."""
        found = tuple(packages)
        own: dict[str, list[str]] = {}
        for package in found:
            if package.index:
                own.setdefault(package.index, []).append(package.name)
        more = [
            Index(url, f"locked-{number}", tuple(names))
            for number, (url, names) in enumerate(sorted(own.items()))
        ]
        source = tuple(package.name for package in found if package.from_source)
        indexes = (*target.indexes, *more)
        return cls(replace(target, indexes=indexes, allow_source=source, backend=None), found)

    def locate(self) -> list[Location]:
        """Find the files of exactly these versions for this target.

        Raises:
            ResolveError: when an index cannot be reached, or has a version no longer.
        """
        lines = [f"{package.name}=={package.version}" for package in self.packages]
        with scratch.folder("locate") as work:
            (work / "pyproject.toml").write_text(project_text(lines, self.target), "utf-8")
            uv.run(self._command(), cwd=work, offline=self.target.offline, timeout=TIMEOUT)
            found = tomllib.loads((work / "pylock.toml").read_text("utf-8"))
        return [
            Location(
                file["hashes"]["sha256"], file_name(file), file.get("url") or file["path"],
                file.get("size"),
            )
            for entry in found.get("packages", [])
            for file in [*entry.get("wheels", ()), *([entry["sdist"]] if "sdist" in entry else [])]
        ]  # fmt: skip

    def _command(self) -> Sequence[str]:
        command = ["pip", "compile", "pyproject.toml", "--no-deps"]
        command += self.target.arguments(self.target.allow_source)
        # Whatever index has a version: what is fetched is compared with the lock's digest.
        command += ["--index-strategy", "unsafe-best-match"]
        return [*command, "--format", "pylock.toml", "-o", "pylock.toml"]
