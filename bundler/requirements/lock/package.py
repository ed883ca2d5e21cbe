"""Package: one distribution of a lock, with the files that may be installed of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Package:
    """One locked distribution.

    files        file name -> sha256 (64 hex) of every wheel (or sdist) that may be installed
    via          who asks for it: other packages, models, or the author's own lines
    index        URL of the index, where it is not the default one
    folder       the project's own folder of wheels that it comes from
    platforms    the platforms that need it; empty means all
    accelerators the accelerators that need it; empty means all
    urls         file name -> where it was found just now; no part of a lock
    warnings     sentences of the resolution that chose it; no part of a lock
    """

    name: str
    version: str
    files: Mapping[str, str]
    via: tuple[str, ...] = ()
    index: str | None = None
    platforms: tuple[str, ...] = ()
    folder: str | None = None
    accelerators: tuple[str, ...] = ()
    urls: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    warnings: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def from_source(self) -> bool:
        """Whether it is compiled where it is installed."""
        return not any(name.endswith(".whl") for name in self.files)

    def to_json(self) -> dict[str, Any]:
        """As it stands in the lock."""
        data: dict[str, Any] = {
            "name": self.name,
            "version": self.version,
            "files": dict(self.files),
            "via": list(self.via),
        }
        data |= {"index": self.index} if self.index else {}
        data |= {"folder": self.folder} if self.folder else {}
        data |= {"platforms": list(self.platforms)} if self.platforms else {}
        return data | ({"accelerators": list(self.accelerators)} if self.accelerators else {})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            data["name"], data["version"], dict(data["files"]), tuple(data["via"]),
            data.get("index"), tuple(data.get("platforms", ())), data.get("folder"),
            tuple(data.get("accelerators", ())),
        )  # fmt: skip


def merge(resolved: Mapping[str, Sequence[Package]]) -> tuple[Package, ...]:
    """One list out of the packages of each platform; what differs says for which it is."""
    merged: dict[tuple[str, str], Package] = {}
    for platform, packages in resolved.items():
        for package in packages:
            key = (package.name, package.version)
            known = merged.get(key, replace(package, files={}, urls={}))
            merged[key] = replace(
                known,
                files={**known.files, **package.files},
                urls={**known.urls, **package.urls},
                via=tuple(dict.fromkeys((*known.via, *package.via))),
                platforms=(*known.platforms, platform),
            )
    everywhere = tuple(resolved)
    return tuple(
        replace(
            merged[key],
            platforms=() if merged[key].platforms == everywhere else merged[key].platforms,
        )
        for key in sorted(merged)
    )
