"""The graph of a uv.lock, walked from its project with the extras and groups that are asked for."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...errors import ResolveError
from .. import marker as markers
from ..requirements import normalize

Package = Mapping[str, Any]
Edge = Mapping[str, Any]

_EXTRA = re.compile(r"""extra\s*(?P<sign>==|!=)\s*(?P<quote>['"])(?P<name>[^'"]*)(?P=quote)""")


class Graph:
    """The reached packages; of extras that exclude each other, those of the chosen ones.

    versions  name -> version -> markers of the edges that lead there, of which one must hold
    places    name -> address of the index that it came from
    """

    def __init__(
        self, data: Mapping[str, Any], roots: Sequence[Package], source: str,
        extras: Sequence[str], groups: Sequence[str],
    ) -> None:  # fmt: skip
        self.versions: dict[str, dict[str, list[str]]] = {}
        self.places: dict[str, str] = {}
        self._packages: dict[str, list[Package]] = {}
        for package in data.get("package", ()):
            self._packages.setdefault(normalize(package["name"]), []).append(package)
        self._chosen = {"extra": {normalize(e) for e in extras}, "group": {*map(normalize, groups)}}
        self._names = {normalize(root["name"]) for root in roots}
        self._check_conflicts(data, source)
        self._active = {
            f"{kind}-{len(name)}-{name}-{chosen}"
            for name in self._names for kind, all_ in self._chosen.items() for chosen in all_
        }  # fmt: skip
        self._active |= {f"project-{len(name)}-{name}" for name in self._names}

    def _check_conflicts(self, data: Mapping[str, Any], source: str) -> None:
        for together in data.get("conflicts", ()):
            both = [
                f"the {kind} `{item[kind]}`"
                for item in together for kind, chosen in self._chosen.items()
                if normalize(item["package"]) in self._names
                and normalize(item.get(kind, "")) in chosen
            ]  # fmt: skip
            if len(both) > 1:
                raise ResolveError(
                    f"`{source}` says that {' and '.join(both)} exclude each other.",
                    hint="Name one of them in the bundlefile.",
                )

    def walk(self, edges: Sequence[Edge]) -> None:
        """Follow `edges`, recursively."""
        waiting, seen = list(edges), set[tuple[int, str]]()
        while waiting:
            edge = waiting.pop()
            marker = self.marker(edge)
            if markers.holds(marker) is False:
                continue
            for package in self._targets(edge):
                self._note(package, marker)
                for part in ("", *edge.get("extra", ())):
                    if (id(package), part) not in seen:
                        seen.add((id(package), part))
                        waiting += _edges(package, part)

    def marker(self, edge: Edge) -> str:
        """Its marker, with what it says of extras and groups decided."""
        return self.decided(str(edge.get("marker", "")))

    def decided(self, marker: str) -> str:
        """`marker` with its extras and groups decided, so that it speaks of environments alone."""

        def value(found: re.Match[str]) -> str:
            is_so = (found["name"] in self._active) == (found["sign"] == "==")
            return markers.TRUE if is_so else markers.FALSE

        return _EXTRA.sub(value, marker)

    def _targets(self, edge: Edge) -> Iterator[Package]:
        for package in self._packages.get(normalize(edge["name"]), ()):
            if all(package.get(key) == edge[key] for key in ("version", "source") if key in edge):
                yield package

    def _note(self, package: Package, marker: str) -> None:
        name = normalize(package["name"])
        if "version" in package and name not in self._names:
            markers = self.versions.setdefault(name, {}).setdefault(package["version"], [])
            markers += [marker] if marker not in markers else []
        if "://" in (place := str(package.get("source", {}).get("registry", ""))):
            self.places[name] = place


def _edges(package: Package, extra: str) -> Sequence[Edge]:
    if not extra:
        return list(package.get("dependencies", ()))
    tables = package.get("optional-dependencies", {})
    return [edge for name, found in tables.items() if normalize(name) == normalize(extra)
            for edge in found]  # fmt: skip
