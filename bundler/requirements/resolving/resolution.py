"""One resolution with uv: requirements in, exact packages with their wheels out."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ... import scratch
from ...errors import ResolveError
from ...store.files import disk
from ..index import bare
from ..lock.package import Package
from ..requirements import Requirements, normalize
from ..target import TORCH_INDEX, Target, absolute
from . import unreadable_line, uv
from .annotations import PROJECT, Note, reachable, read_annotations
from .uv_warnings import read_warnings

TIMEOUT = 300.0  # seconds
_LISTED = 6  # requirements named in a message


def resolve(requirements: Requirements, target: Target) -> list[Package]:
    """The packages that satisfy `requirements` on `target`, sorted by name.

    Raises:
        ResolveError: when nothing does, or no index answers; names who asked for what.
    """
    with scratch.folder("lock") as folder:
        try:
            packages = _Work(requirements, target, folder).run()
        except ResolveError as error:
            known = unreadable_line.named(error, requirements, folder)
            explained = _with_lines(error, requirements) if known is error else known
            raise explained from error.__cause__
    return [_signed(package, requirements) for package in packages]


class _Work:
    """A folder with a project for uv, and what uv makes of it.

    A project and not a list, because only a project can bind packages to an index.
    """

    def __init__(self, requirements: Requirements, target: Target, folder: Path) -> None:
        self.requirements, self.target, self.folder = requirements, target, folder
        self.wanted = {item.name for item in requirements.wanted}
        self.barred: set[str] = set()
        self.sourced: set[str] = set()  # of `allow_source`, those that have no wheel

    def run(self) -> list[Package]:
        """Resolve for who asks for what, then ask for the wheels of exactly that."""
        self._write("excludes.txt", self.target.excludes)
        # uv binds only what the project itself asks for: so it asks for all that is bound.
        bound = set(self.target.bindings) - set(self.target.excludes) - self.wanted
        notes = self._possible(bound)
        if surplus := bound - reachable(notes, self.wanted):
            notes = self._resolved(bound - surplus)
        notes = {name: self._without(note, name in bound) for name, note in notes.items()}
        self._check_bindings(notes)
        pins = [f"{name}=={note.version}" for name, note in notes.items()]
        self._write("exact.txt", pins)
        exact = ["--constraints", "exact.txt", "--format", "pylock.toml", "-o", "pylock.toml"]
        warnings = read_warnings(self._compile(exact, is_known=True))
        found = tomllib.loads((self.folder / "pylock.toml").read_text("utf-8"))
        packages = [self._package(entry, notes) for entry in found.get("packages", [])]
        return [replace(one, warnings=warnings.get(one.name, ())) for one in packages]

    def _possible(self, bound: set[str]) -> dict[str, Note]:
        """Resolve with all packages that are bound to an index, but those that it does not have.

        These are barred from every index, so that none of the same name comes from elsewhere.
        """
        first: ResolveError | None = None
        while True:
            try:
                return self._resolved(bound - self.barred)
            except ResolveError as error:
                first = first or error
                named = _names(str(error)) & bound - self.barred
                if not named:
                    raise first from error
                self.barred |= named

    def _resolved(self, bound: set[str]) -> dict[str, Note]:
        limits = [item.text for item in self.requirements.limits]
        self._write("limits.txt", [*limits, *(f"{name}<0" for name in sorted(self.barred))])
        texts = [item.text for item in self.requirements.wanted]
        self._write("pyproject.toml", [project_text([*texts, *sorted(bound)], self.target)])
        # uv prefers what its own output file already says, where the requirements allow it.
        preferred = sorted(self.requirements.preferences.items())
        self._write("resolved.txt", [f"{name}=={version}" for name, version in preferred])
        annotated = ["--annotation-style", "split", "--emit-index-annotation", "-o", "resolved.txt"]
        self._compile(annotated)
        return read_annotations((self.folder / "resolved.txt").read_text("utf-8"))

    def _compile(self, arguments: Sequence[str], *, is_known: bool = False) -> str:
        """Run uv; what `is_known` needs no network any more, where uv keeps what it has seen.

        Returns its steps and warnings.
        """
        offline = self.target.offline
        while True:
            try:
                return self._uv(arguments, offline=offline or is_known)
            except ResolveError as error:
                if is_known and not offline:
                    return self._uv(arguments, offline=False)
                allowed = set(self.target.allow_source) - self.sourced
                named = _names(str(error)) & allowed if _lacks_wheels(error) else set()
                if not named:
                    raise
                self.sourced |= named

    def _uv(self, arguments: Sequence[str], *, offline: bool) -> str:
        given = self.target.arguments(self.sourced)
        command = ["pip", "compile", "pyproject.toml", *given, *arguments]
        command += ["--constraints", "limits.txt", "--excludes", "excludes.txt"]
        return uv.run(command, cwd=self.folder, offline=offline, timeout=TIMEOUT).stderr

    def _write(self, name: str, lines: Sequence[str]) -> None:
        path = self.folder / name
        with disk.named(path):
            path.write_text("".join(f"{line}\n" for line in lines), "utf-8")

    @staticmethod
    def _without(note: Note, is_bound: bool) -> Note:
        """`note` without the project as asker, where it asked only to bind."""
        via = tuple(asker for asker in note.via if not is_bound or asker != PROJECT)
        return replace(note, via=via)

    def _check_bindings(self, notes: Mapping[str, Note]) -> None:
        """Whatever uv does with folders and settings of this machine: bound is bound."""
        for name, index in self.target.bindings.items():
            note = notes.get(name)
            if note is not None and bare(note.index or "") != bare(index.url):
                raise ResolveError(
                    f"`{name}` is bound to the index `{index.name}` ({index.url}), but "
                    f"{name} {note.version} was found at {bare(note.index or '')}.",
                    hint="Take it away there (`UV_FIND_LINKS` is a common cause), or take the "
                    "binding out of `python.indexes`.",
                )

    def _package(self, entry: Mapping[str, Any], notes: Mapping[str, Note]) -> Package:
        name, target = normalize(entry["name"]), self.target
        if "version" not in entry or not ({"wheels", "sdist"} & entry.keys()):
            raise ResolveError(
                f"`{entry['name']}` comes from a folder, an archive or a repository, not an index.",
                hint="Build a wheel of it and name its folder under `python.find_links`.",
            )
        note = notes.get(name, Note(entry["version"]))
        files = entry.get("wheels") or [entry["sdist"]]
        places = target.find_links
        folders = {unquote(absolute(place, target.directory)): place for place in places}
        is_torch = note.index is not None and note.index.startswith(TORCH_INDEX)
        return Package(
            name=name,
            version=entry["version"],
            files={file_name(file): file["hashes"]["sha256"] for file in files},
            via=note.via,
            index=note.index if is_torch and name not in target.bindings else None,
            folder=folders.get(unquote(note.index or "")),
            urls={file_name(file): file.get("url") or file["path"] for file in files},
        )


def project_text(texts: Sequence[str], target: Target) -> str:
    """The pyproject.toml of a project that asks for `texts`; JSON's strings are TOML's, too."""
    listed = "".join(f"    {json.dumps(text, ensure_ascii=False)},\n" for text in texts)
    project = f'[project]\nname = "{PROJECT}"\nversion = "0"\ndependencies = [\n{listed}]\n'
    for index in target.indexes:
        if index.packages:
            address = f"name = {json.dumps(index.name)}\nurl = {json.dumps(index.url)}\n"
            project += f"\n[[tool.uv.index]]\n{address}explicit = true\n"
    bindings = [
        f"{json.dumps(name)} = {{ index = {json.dumps(index.name)} }}\n"
        for name, index in target.bindings.items()
    ]
    return project + ("\n[tool.uv.sources]\n" + "".join(bindings) if bindings else "")


def _lacks_wheels(error: ResolveError) -> bool:
    return "wheel" in f"{error} {error.hint}" or "build" in str(error)


def _signed(package: Package, requirements: Requirements) -> Package:
    """`package` with the origins of the lines that ask for it, in place of our project's name."""
    if PROJECT not in package.via:
        return package
    origins = [item.origin for item in requirements.wanted if item.name == package.name]
    others = [asker for asker in package.via if asker != PROJECT]
    return replace(package, via=(*dict.fromkeys(origins), *others))


def file_name(file: Mapping[str, Any]) -> str:
    """Name of a file of a pylock.toml."""
    if "name" in file:
        return str(file["name"])
    place = file.get("url") or file["path"]
    return unquote(urlsplit(place).path.rsplit("/", 1)[-1])


def _names(text: str) -> set[str]:
    """What could be names of packages in a sentence of uv's."""
    return {normalize(word) for word in re.findall(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?", text)}


def _with_lines(error: ResolveError, requirements: Requirements) -> ResolveError:
    """The error with the lines of the input that it speaks of."""
    text = re.sub(rf"\b(?:the )?(?:project|{PROJECT})\b", "you", str(error))
    text = uv.second_person(text)
    words = _names(text)
    every = (*requirements.wanted, *requirements.limits)
    askers = list(dict.fromkeys(str(item) for item in every if item.name in words))
    more = [f"and {len(askers) - _LISTED} more lines"] if len(askers) > _LISTED else []
    lines = [text, *(f"asked for: {asker}" for asker in askers[:_LISTED]), *more]
    return ResolveError("\n".join(lines), hint=_hint(f"{text} {error.hint}") or error.hint)


def _hint(text: str) -> str | None:
    if "exclude newer time" not in text and "`exclude-newer`" not in text:
        return None
    return (
        "Name a later day in `python.exclude_newer`. What a model was saved with is only preferred "
        "once `python.requirements` names the package."
    )
