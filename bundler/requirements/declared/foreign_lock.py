"""uv.lock and pylock.toml (PEP 751): the author's own locks, kept pin by pin."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import ResolveError
from .. import marker as markers
from ..lock.author_pin import AuthorPin
from ..requirements import Requirement, normalize
from . import uv_table
from .declared_requirements import DeclaredRequirements, bound
from .project_table import missing
from .uv_graph import Graph

_LOCAL = ("virtual", "editable", "directory")
_KINDS = {
    "git": "a repository", "vcs": "a repository", "url": "an archive", "archive": "an archive",
    "path": "an archive", "virtual": "a folder", "editable": "a folder", "directory": "a folder",
}  # fmt: skip
_SELECTED = re.compile(
    r"""(['"])(?P<name>[A-Za-z0-9._-]+)\1\s+(?P<not>not\s+)?in\s+(?P<set>extras|dependency_groups)"""
)


def from_uv(
    data: Mapping[str, Any], source: str, extras: Sequence[str], groups: Sequence[str],
    indexes: Sequence[str],
) -> DeclaredRequirements:  # fmt: skip
    """The project's direct dependencies, and every version that its uv.lock chose as a limit.

    Raises:
        ResolveError: for an extra or group that it does not have, and for conflicting ones.
    """
    uv_table.check_lock(data, source)
    packages = list(data.get("package", ()))
    roots = _roots(packages, source)
    graph = Graph(data, roots, source, extras, groups)
    edges = [edge for root in roots for edge in _direct(root, source, extras, groups)]
    graph.walk(edges)
    wanted = [_wanted(edge, graph, source) for edge in edges]
    others = [package for package in packages if package not in roots]
    limits, given = _versions(others, source, graph)
    places = {
        normalize(package["name"]): package["source"]["registry"]
        for package in others
        if "://" in str(package.get("source", {}).get("registry", ""))
    } | graph.places
    python = str(data.get("requires-python") or "")
    found = DeclaredRequirements(
        tuple(wanted), tuple(limits), given, bound(places, source, indexes), python,
        tuple(map(str, data.get("supported-markers", ()))),
    )  # fmt: skip
    _check_direct(found)
    return found


def _roots(packages: Sequence[Mapping[str, Any]], source: str) -> list[Mapping[str, Any]]:
    """The project of the folder that the lock is in, or the only one that it has."""
    local = [package for package in packages if set(package.get("source", {})) & set(_LOCAL)]
    here = [p for p in local if "." in {p["source"].get("virtual"), p["source"].get("editable")}]
    if not local:
        raise ResolveError(f"`{source}` locks no project, so nothing says what it is for.")
    if not here and len(local) > 1:
        listed = ", ".join(f"`{package['name']}`" for package in local)
        raise ResolveError(
            f"`{source}` locks several projects ({listed}), and none of this folder.",
            hint="Write the requirements of one, and name that file: `uv export "
            f"--package {local[0]['name']} --no-emit-workspace -o requirements.txt`.",
        )
    return here or local


def _direct(
    root: Mapping[str, Any], source: str, extras: Sequence[str], groups: Sequence[str]
) -> list[Mapping[str, Any]]:
    chosen = list(root.get("dependencies", ()))
    for kind, names, key in (
        ("extra", extras, "optional-dependencies"), ("group", groups, "dev-dependencies")
    ):  # fmt: skip
        tables = {normalize(name): found for name, found in root.get(key, {}).items()}
        for name in names:
            if normalize(name) not in tables:
                raise missing(kind, name, source, tables)
            chosen += tables[normalize(name)]
    return chosen


def _wanted(edge: Mapping[str, Any], graph: Graph, source: str) -> Requirement:
    named = ",".join(edge.get("extra", ()))
    marker = graph.marker(edge)
    text = edge["name"] + (f"[{named}]" if named else "") + (f" ; {marker}" if marker else "")
    return Requirement(text, source)


def _versions(
    packages: Sequence[Mapping[str, Any]], source: str, graph: Graph
) -> tuple[list[Requirement], dict[str, AuthorPin]]:
    """Each version as a limit, where there are forks with the markers of each; and its files.

    Of several versions that are all for extras or groups which nobody chose, none binds.
    """
    entries: dict[str, list[Mapping[str, Any]]] = {}
    for package in packages:
        entries.setdefault(normalize(package["name"]), []).append(package)
    limits, given = [], {}
    for name, every in sorted(entries.items()):
        reached = graph.versions.get(name, {})
        found = [p for p in every if p.get("version") in reached] or every
        kinds = {kind for package in found for kind in package.get("source", {})}
        foreign = next((_KINDS[kind] for kind in sorted(kinds & set(_KINDS))), "")
        files: dict[str, frozenset[str]] = {}
        for package in found:  # one version may come from two indexes
            if "version" in package:
                version = str(package["version"])
                files[version] = files.get(version, frozenset()) | _digests(package)
        if len(files) > 1 and not (reached or foreign):
            continue
        forks = [(str(p["version"]), _forks(p, found, reached, graph)) for p in found
                 if "version" in p and not foreign]  # fmt: skip
        meant = tuple(fork or "" for _, fork in forks) or ("",)
        given[name] = AuthorPin(source, files, foreign, meant)
        limits += [
            Requirement(f"{name}=={version}" + (f" ; {fork}" if fork else ""), source)
            for version, fork in forks if fork is not None
        ]  # fmt: skip
    return limits, given


def _forks(
    package: Mapping[str, Any], found: Sequence[Mapping[str, Any]],
    reached: Mapping[str, Sequence[str]], graph: Graph,
) -> str | None:  # fmt: skip
    """The marker under which `package` is the one of several that is meant; None: unknown."""
    if len(found) == 1:
        return ""
    own = set(package.get("resolution-markers", ()))
    others = [set(p.get("resolution-markers", ())) for p in found if p is not package]
    if own and not any(own & other for other in others):
        return " or ".join(f"({graph.decided(marker)})" for marker in sorted(own))
    markers = reached.get(str(package.get("version")), ())
    return " or ".join(f"({marker})" for marker in markers) if all(markers) and markers else None


def _digests(package: Mapping[str, Any]) -> frozenset[str]:
    files = [*package.get("wheels", ()), *([package["sdist"]] if package.get("sdist") else [])]
    hashes = [str(file.get("hash", "")) for file in files]
    hashes += [f"sha256:{file.get('hashes', {}).get('sha256', '')}" for file in files]
    return frozenset(h.removeprefix("sha256:") for h in hashes if re.fullmatch("sha256:.+", h))


def from_pylock(
    data: Mapping[str, Any], source: str, extras: Sequence[str], groups: Sequence[str],
    indexes: Sequence[str],
) -> DeclaredRequirements:  # fmt: skip
    """Every package of a pylock.toml as it is pinned there.

    Raises:
        ResolveError: for a newer format, for extras and groups that it does not have, and for
            packages that come from no index.
    """
    version = str(data.get("lock-version", "1.0"))
    if version.partition(".")[0] != "1":
        raise ResolveError(f"`{source}` has lock-version {version}; known is 1.")
    for kind, names, key in (("extra", extras, "extras"), ("group", groups, "dependency-groups")):
        known = {normalize(str(name)): None for name in data.get(key, ())}
        for name in names:
            if normalize(name) not in known:
                raise missing(kind, name, source, known)
    selected = {
        "extras": {normalize(name) for name in extras},
        "dependency_groups": {normalize(n) for n in groups or data.get("default-groups", ())},
    }
    packages = list(data.get("packages", ()))
    wanted: list[Requirement] = []
    given: dict[str, AuthorPin] = {}
    for package in packages:
        pin = f"=={package['version']}" if "version" in package else ""
        marker = _SELECTED.sub(lambda m: _choice(m, selected), str(package.get("marker", "")))
        text = f"{package['name']}{pin}" + (f" ; {marker}" if marker else "")
        wanted.append(Requirement(text, source))
        name = normalize(package["name"])
        before = given.get(name, AuthorPin(source, markers=()))
        foreign = next((_KINDS[kind] for kind in _KINDS if kind in package), "")
        files = {str(package["version"]): _digests(package)} if "version" in package else {}
        meant = (*before.markers, marker)
        given[name] = AuthorPin(source, {**before.files, **files}, foreign, meant)
    places = {normalize(p["name"]): p["index"] for p in packages if "://" in str(p.get("index"))}
    python = str(data.get("requires-python") or "")
    bindings = bound(places, source, indexes)
    found = DeclaredRequirements(
        tuple(wanted), given=given, indexes=bindings, python=python,
        environments=tuple(map(str, data.get("environments", ()))),
    )  # fmt: skip
    _check_direct(found)
    return found


def _choice(found: re.Match[str], selected: Mapping[str, set[str]]) -> str:
    """Markers on extras and groups are decided here; uv is left those on the environment."""
    is_in = normalize(found["name"]) in selected[found["set"]]
    return markers.TRUE if is_in != bool(found["not"]) else markers.FALSE


def _check_direct(written: DeclaredRequirements) -> None:
    for item in written.wanted:
        given = written.given.get(item.name)
        if given is not None and given.foreign and markers.FALSE not in item.text:
            raise ResolveError(
                f"`{item.name}` of `{given.origin}` comes from {given.foreign}, which a bundle "
                "cannot install.",
                hint="Build a wheel of it, and name its folder under `python.find_links`.",
            )
