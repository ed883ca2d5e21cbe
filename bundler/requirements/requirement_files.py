"""Read the requirements that an author keeps in a file of their own."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import ResolveError
from .requirements import Requirement

_INCLUDE = re.compile(r"(?:-r|--requirement|-c|--constraint)[=\s]\s*(\S+)")
_COMMENT = re.compile(r"(?:^|\s)#.*$")


def read(source: Sequence[str] | str, root: Path) -> tuple[list[Requirement], list[Requirement]]:
    """Requirements and limits out of a list, or out of the file at `root/source`.

    Files: requirements.txt (with `-r` and `-c`), pyproject.toml, pylock.toml, uv.lock.

    Raises:
        ResolveError: for a file that is missing, unknown or holds what a lock cannot keep.
    """
    wanted, limits = _read(source, root)
    for requirement in (*wanted, *limits):
        _check(requirement)
    return wanted, limits


def _read(source: Sequence[str] | str, root: Path) -> tuple[list[Requirement], list[Requirement]]:
    if not isinstance(source, str):
        origin = "python.requirements in the bundlefile"
        return [Requirement(text.strip(), origin) for text in source], []
    path = root / source
    if path.suffix in {".txt", ".in"}:
        return _read_text(path, root, frozenset())
    data = _read_toml(path)
    if path.name == "pyproject.toml":
        return _from_project(data, source), []
    if path.name == "uv.lock":
        return _from_uv_lock(data, source)
    if path.name.startswith("pylock"):
        return _from_pylock(data, source), []
    raise ResolveError(
        f"`python.requirements` names `{source}`, which is none of the files it can be.",
        hint="Use a list, requirements.txt, pyproject.toml, pylock.toml or uv.lock.",
    )


def _read_text(
    path: Path, root: Path, seen: frozenset[Path]
) -> tuple[list[Requirement], list[Requirement]]:
    wanted: list[Requirement] = []
    limits: list[Requirement] = []
    for number, line in _logical_lines(path):
        place = f"{path.relative_to(root) if path.is_relative_to(root) else path}:{number}"
        if include := _INCLUDE.fullmatch(line):
            other = path.parent / include[1]
            if other in seen:
                continue
            more, bounds = _read_text(other, root, seen | {path})
            is_limit = line.startswith(("-c", "--constraint"))
            wanted += [] if is_limit else more
            limits += bounds + (more if is_limit else [])
        else:
            wanted.append(Requirement(line, place))
    return wanted, limits


def _logical_lines(path: Path) -> list[tuple[int, str]]:
    """Lines with their numbers, joined over backslashes, without comments and hashes."""
    lines, pending, start = [], "", 0
    for number, raw in enumerate(_read_file(path).splitlines(), 1):
        start = start if pending else number
        pending += _COMMENT.sub("", raw).rstrip()
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        text = re.sub(r"\s--hash[=\s]\S+", "", pending).strip()
        lines += [(start, text)] if text else []
        pending = ""
    return lines


def _check(requirement: Requirement) -> None:
    """Refuse what would steer the resolver, or exists on this machine only."""
    text, place = requirement.text, requirement.origin
    if text.startswith(("-e", "--editable", ".", "/")):
        raise ResolveError(
            f"{place}: `{text}` is a folder of this machine, which a bundle cannot install.",
            hint="Put the code beside the service, or build a wheel and name its folder under "
            "`python.find_links`.",
        )
    if text.startswith("-"):
        option = text.split(maxsplit=1)[0]
        raise ResolveError(
            f"{place}: the option `{option}` cannot stand in the requirements of a bundle.",
            hint="Indexes belong under `python.indexes` in the bundlefile.",
        )
    if not requirement.name or not text.isprintable():
        raise ResolveError(
            f"{place}: {text!r} is not a requirement.", hint="Write it as `name>=1.2`."
        )


def _from_project(data: dict[str, Any], source: str) -> list[Requirement]:
    texts = data.get("project", {}).get("dependencies")
    if not isinstance(texts, list):
        raise ResolveError(f"`{source}` has no list `project.dependencies`.")
    return [Requirement(str(text), f"{source} project.dependencies") for text in texts]


def _from_pylock(data: dict[str, Any], source: str) -> list[Requirement]:
    return [
        Requirement(f"{package['name']}=={package['version']}{_marker(package)}", source)
        for package in data.get("packages", [])
        if "version" in package
    ]


def _marker(package: dict[str, Any]) -> str:
    return f" ; {package['marker']}" if "marker" in package else ""


def _from_uv_lock(data: dict[str, Any], source: str) -> tuple[list[Requirement], list[Requirement]]:
    """The project's direct dependencies, bound to the versions that uv.lock chose."""
    packages = data.get("package", [])
    local = [p for p in packages if {"virtual", "editable"} & set(p.get("source", {}))]
    wanted = [
        Requirement(f"{dependency['name']}{_marker(dependency)}", source)
        for package in local
        for dependency in package.get("dependencies", [])
    ]
    versions: dict[str, set[str]] = {}
    for package in packages:
        if package not in local and "version" in package:
            versions.setdefault(package["name"], set()).add(package["version"])
    # Several versions of one name are forks by marker; the resolver picks among them itself.
    limits = [
        Requirement(f"{name}=={found.pop()}", source)
        for name, found in sorted(versions.items())
        if len(found) == 1
    ]
    return wanted, limits


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_read_file(path))
    except tomllib.TOMLDecodeError as error:
        raise ResolveError(f"`{path}` is not TOML: {error}.") from error


def _read_file(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ResolveError(
            f"`python.requirements` names `{path}`, which cannot be read: {error}."
        ) from error
