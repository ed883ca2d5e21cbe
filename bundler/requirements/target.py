"""Target: platform, Python version and accelerator of a resolution."""

import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from . import index_credentials
from .index import Index

PLATFORMS = {"linux/amd64": "x86_64-manylinux_2_28", "linux/arm64": "aarch64-manylinux_2_28"}
MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
TORCH_INDEX = "https://download.pytorch.org/whl/"


@dataclass(frozen=True, slots=True)
class Target:
    """What a resolution is for, apart from the requirements.

    allow_source  packages that may be built from source where no wheel of them is there
    directory     what relative `find_links` start from
    backend       uv's torch backend
    excludes      packages that are left out, whoever asks for them
    """

    python: str
    platform: str
    indexes: tuple[Index, ...] = ()
    find_links: tuple[str, ...] = ()
    exclude_newer: str | None = None
    allow_source: tuple[str, ...] = ()
    directory: Path = field(default_factory=Path)
    offline: bool = False
    backend: str | None = None
    excludes: tuple[str, ...] = ()

    @property
    def bindings(self) -> dict[str, Index]:
        """Package -> the one index that it may come from."""
        return {name: index for index in self.indexes for name in index.packages}

    def arguments(self, sourced: Collection[str] = ()) -> list[str]:
        """The options of uv for the target; `sourced` are packages that are built from source."""
        given = ["--python-version", self.python, "--python-platform", PLATFORMS[self.platform]]
        # Without an interpreter of our own uv looks for one of the target's version, or loads it.
        given += ["--python", sys.executable, "--no-python-downloads"]
        given += ["--only-binary", ":all:", "--no-header"]
        for name in sorted(sourced):
            given += ["--no-binary", name]
        index_credentials.check(self.indexes)
        for index in self.indexes:
            if not index.packages:  # the others are told apart in pyproject.toml
                given += ["--index", f"{index.name}={index.url}" if index.name else index.url]
        for place in self.find_links:
            given += ["--find-links", absolute(place, self.directory)]
        given += ["--exclude-newer", moment(self.exclude_newer)] if self.exclude_newer else []
        return given + (["--torch-backend", self.backend] if self.backend else [])


def absolute(place: str, directory: Path) -> str:
    """The address of a folder of wheels: uv takes a comma in a path for the end of it."""
    return place if "://" in place else (directory / place).resolve().as_uri()


def moment(text: str) -> str:
    """The end of a day in UTC, where only the day is given.

    uv would take the end of the day where this machine is, and lock other versions elsewhere.

    >>> moment("2026-08-01")
    '2026-08-02T00:00:00Z'
    """
    if "T" in text:
        return text
    return f"{date.fromisoformat(text) + timedelta(days=1)}T00:00:00Z"
