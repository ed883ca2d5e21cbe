"""One resolution with uv: requirements in, exact packages with their wheels out."""

import re
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from ..errors import ResolveError
from . import uv
from .requirements import Requirements, normalize

TIMEOUT = 300.0  # seconds
PLATFORMS = {
    "linux/amd64": "x86_64-manylinux_2_28",
    "linux/arm64": "aarch64-manylinux_2_28",
}
MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
INPUT = "bundle.in"
TORCH_INDEX = "https://download.pytorch.org/whl/"


@dataclass(frozen=True, slots=True)
class Package:
    """One locked distribution.

    files      file name -> sha256 (64 hex) of every wheel (or sdist) that may be installed
    via        who asks for it: other packages, models, or the author's own lines
    index      URL of the index, where it is not the default one
    folder     the project's own folder of wheels that it comes from
    platforms  the platforms that need it; empty means all
    """

    name: str
    version: str
    files: Mapping[str, str]
    via: tuple[str, ...] = ()
    index: str | None = None
    platforms: tuple[str, ...] = ()
    folder: str | None = None

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
        return data | ({"platforms": list(self.platforms)} if self.platforms else {})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            data["name"], data["version"], dict(data["files"]), tuple(data["via"]),
            data.get("index"), tuple(data.get("platforms", ())), data.get("folder"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """What a resolution is for, apart from the requirements.

    `directory` is what relative `find_links` start from; `backend` is uv's torch backend.
    """

    python: str
    platform: str
    indexes: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    exclude_newer: str | None = None
    build_from_source: tuple[str, ...] = ()
    directory: Path = field(default_factory=Path)
    offline: bool = False
    backend: str | None = None
    excludes: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """What uv is told about the target."""
        given = ["--python-version", self.python, "--python-platform", PLATFORMS[self.platform]]
        # Without an interpreter of our own uv looks for one of the target's version, or loads it.
        given += ["--python", sys.executable, "--no-python-downloads"]
        given += ["--only-binary", ":all:", "--no-header"]
        for name in self.build_from_source:
            given += ["--no-binary", name]
        for url in self.indexes:
            given += ["--index", url]
        for place in self.find_links:
            given += ["--find-links", _absolute(place, self.directory)]
        given += ["--exclude-newer", self.exclude_newer] if self.exclude_newer else []
        return given + (["--torch-backend", self.backend] if self.backend else [])


def resolve(requirements: Requirements, target: Target) -> list[Package]:
    """The packages that satisfy `requirements` on `target`, sorted by name.

    Raises:
        ResolveError: when nothing does, or no index answers; names who asked for what.
    """
    with tempfile.TemporaryDirectory(prefix="bundle-lock-") as folder:
        work = Path(folder)
        _write_inputs(requirements, target, work)
        try:
            packages = _run(target, work)
        except ResolveError as error:
            raise _told(error, requirements) from error.__cause__
    return [_signed(package, requirements) for package in packages]


def _write_inputs(requirements: Requirements, target: Target, work: Path) -> None:
    _write(work / INPUT, [item.text for item in requirements.wanted])
    _write(work / "limits.txt", [item.text for item in requirements.limits])
    _write(work / "excludes.txt", target.excludes)
    # uv prefers what its own output file already says, where the requirements allow it.
    pins = [f"{name}=={version}" for name, version in sorted(requirements.preferences.items())]
    _write(work / "resolved.txt", pins)


def _write(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _run(target: Target, work: Path) -> list[Package]:
    """Resolve once for who asks for what, then ask for the wheels of exactly that."""
    common = ["pip", "compile", INPUT, *target.arguments()]
    common += ["--constraints", "limits.txt", "--excludes", "excludes.txt"]
    annotated = ["--annotation-style", "split", "--emit-index-annotation", "-o", "resolved.txt"]
    uv.run([*common, *annotated], cwd=work, offline=target.offline, timeout=TIMEOUT)
    notes = read_annotations((work / "resolved.txt").read_text("utf-8"))
    _write(work / "exact.txt", [f"{name}=={note.version}" for name, note in notes.items()])
    exact = [*common, "--constraints", "exact.txt", "--format", "pylock.toml", "-o", "pylock.toml"]
    uv.run(exact, cwd=work, offline=target.offline, timeout=TIMEOUT)
    found = tomllib.loads((work / "pylock.toml").read_text("utf-8"))
    return [_package(entry, notes, target) for entry in found.get("packages", [])]


@dataclass(frozen=True, slots=True)
class Note:
    """What uv's annotations say of one package."""

    version: str
    via: tuple[str, ...] = ()
    index: str | None = None


def read_annotations(text: str) -> dict[str, Note]:
    """`name -> Note` out of a requirements.txt with split annotations."""
    notes: dict[str, Note] = {}
    name = ""
    for line in text.splitlines():
        comment = line.strip().removeprefix("#").strip()
        if found := re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", line):
            name = normalize(found[1])
            notes[name] = Note(found[2])
        elif name and comment.startswith("from "):
            notes[name] = replace(notes[name], index=comment.removeprefix("from "))
        elif name and (asker := comment.removeprefix("via").strip()):
            asker = INPUT if asker.startswith("-r ") else asker
            notes[name] = replace(notes[name], via=(*notes[name].via, asker))
    return notes


def _package(entry: Mapping[str, Any], notes: Mapping[str, Note], target: Target) -> Package:
    name = normalize(entry["name"])
    if "version" not in entry or not ({"wheels", "sdist"} & entry.keys()):
        raise ResolveError(
            f"`{entry['name']}` comes from a folder, an archive or a repository, not an index.",
            hint="Build a wheel of it and name its folder under `python.find_links`.",
        )
    note = notes.get(name, Note(entry["version"]))
    files = entry.get("wheels") or [entry["sdist"]]
    folders = {f"file://{_absolute(place, target.directory)}": place for place in target.find_links}
    return Package(
        name=name,
        version=entry["version"],
        files={_file_name(file): file["hashes"]["sha256"] for file in files},
        via=note.via,
        index=note.index if note.index and note.index.startswith(TORCH_INDEX) else None,
        folder=folders.get(note.index or ""),
    )


def _signed(package: Package, requirements: Requirements) -> Package:
    """`package` with the origins of the lines that ask for it, in place of our input's name."""
    if INPUT not in package.via:
        return package
    origins = [item.origin for item in requirements.wanted if item.name == package.name]
    others = [asker for asker in package.via if asker != INPUT]
    return replace(package, via=(*dict.fromkeys(origins), *others))


def _file_name(file: Mapping[str, Any]) -> str:
    if "name" in file:
        return str(file["name"])
    place = file.get("url") or file["path"]
    return unquote(urlsplit(place).path.rsplit("/", 1)[-1])


def _absolute(place: str, directory: Path) -> str:
    return place if "://" in place else str((directory / place).resolve())


def _told(error: ResolveError, requirements: Requirements) -> ResolveError:
    """The error with the lines of the input that it speaks of."""
    text = str(error)
    names = {normalize(word) for word in re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*", text)}
    words = names | {re.split(r"[<>=!~]", name)[0] for name in names}
    askers = [item for item in (*requirements.wanted, *requirements.limits) if item.name in words]
    lines = [text, *(f"asked for: {item}" for item in dict.fromkeys(askers))]
    return ResolveError("\n".join(lines), hint=error.hint)


def merge(resolved: Mapping[str, Sequence[Package]]) -> tuple[Package, ...]:
    """One list out of the packages of each platform; what differs says for which it is."""
    merged: dict[tuple[str, str], Package] = {}
    for platform, packages in resolved.items():
        for package in packages:
            key = (package.name, package.version)
            known = merged.get(key, replace(package, files={}))
            platforms = (*known.platforms, platform)
            files = {**known.files, **package.files}
            merged[key] = replace(known, files=files, platforms=platforms)
    everywhere = tuple(resolved)
    return tuple(
        replace(
            merged[key],
            platforms=() if merged[key].platforms == everywhere else merged[key].platforms,
        )
        for key in sorted(merged)
    )
