"""pyproject.toml: the dependencies of a project, of its extras and of its groups."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...errors import ResolveError
from ..requirements import Requirement, normalize
from . import uv_table
from .declared_requirements import DeclaredRequirements, bound

_DEEPEST = 20  # groups that include each other


def read(
    data: Mapping[str, Any], source: str, extras: Sequence[str], groups: Sequence[str],
    indexes: Sequence[str],
) -> DeclaredRequirements:  # fmt: skip
    """The requirements of the project `data`.

    Raises:
        ResolveError: for an extra or a group that it does not have, and for dependencies that
            come from neither an index nor a wheel.
    """
    project = _table(data, "project", source)
    texts = _dependencies(data, project, source)
    own = normalize(str(project.get("name", "")))
    wanted = [Requirement(str(text), f"{source} project.dependencies") for text in texts]
    optional = {normalize(str(name)): found for name, found in
                _table(project, "optional-dependencies", source).items()}  # fmt: skip
    wanted += _extras(optional, own, extras, source)
    tool = _table(_table(data, "tool", source), "uv", source)
    tables = {normalize(str(name)): found for name, found in
              _table(data, "dependency-groups", source).items()}  # fmt: skip
    if "dev-dependencies" in tool and "dev" not in tables:  # of uv before PEP 735
        tables["dev"] = tool["dev-dependencies"]
    for group in groups:
        origin = f"{source} dependency-groups.{group}"
        wanted += [Requirement(text, origin) for text in _group(tables, group, source)]
    uv_table.check(tool, source, indexes)
    limits = [
        Requirement(str(text), f"{source} tool.uv.constraint-dependencies")
        for text in _lines(
            tool.get("constraint-dependencies", []), "tool.uv.constraint-dependencies", source
        )
    ]
    places = _places(tool, {item.name for item in wanted}, source)
    python = str(project.get("requires-python") or "")
    return DeclaredRequirements(
        tuple(wanted), tuple(limits), indexes=bound(places, source, indexes), python=python
    )


def _dependencies(
    data: Mapping[str, Any], project: Mapping[str, Any], source: str
) -> Sequence[Any]:
    """`project.dependencies`; a project without that key has none, one of groups alone likewise."""
    dynamic = project.get("dynamic") or ()
    is_static = "dependencies" not in dynamic and {"project", "dependency-groups"} & data.keys()
    found = project.get("dependencies", [] if is_static else None)
    if isinstance(found, list):
        return found
    hint = "A list that a build backend finds out cannot be read; name a uv.lock instead."
    if "poetry" in _table(data, "tool", source):
        hint = "Poetry's own tables are not read; `poetry export -o requirements.txt` writes them."
    raise ResolveError(f"`{source}` has no list `project.dependencies`.", hint=hint)


def _extras(
    optional: Mapping[str, Any], own: str, extras: Sequence[str], source: str
) -> Iterator[Requirement]:
    """Those of `extras`, and of the extras that these name themselves as `project[extra]`."""
    waiting, seen = [normalize(extra) for extra in extras], set[str]()
    while waiting:
        extra = waiting.pop(0)
        if extra in seen:
            continue
        seen.add(extra)
        if extra not in optional:
            raise missing("extra", extra, source, optional)
        for text in _lines(optional[extra], f"optional-dependencies.{extra}", source):
            item = Requirement(str(text), f"{source} optional-dependencies.{extra}")
            if item.name == own:
                listed = item.text.partition("[")[2].partition("]")[0]
                waiting += [normalize(name.strip()) for name in listed.split(",") if name.strip()]
            else:
                yield item


def _group(tables: Mapping[str, Any], group: str, source: str) -> Iterator[str]:
    """The lines of a group and of those that it includes, of each group once."""
    done: set[str] = set()

    def lines(group: str, within: tuple[str, ...]) -> Iterator[str]:
        name = normalize(group)
        if name not in tables:
            raise missing("group", group, source, tables)
        if name in within or len(within) > _DEEPEST:
            raise ResolveError(f"The dependency group `{group}` of `{source}` includes itself.")
        if name in done:
            return
        for entry in _lines(tables[name], f"dependency-groups.{group}", source):
            if isinstance(entry, dict):
                yield from lines(str(entry.get("include-group")), (*within, name))
            else:
                yield str(entry)
        done.add(name)

    return lines(group, ())


def missing(kind: str, name: str, source: str, known: Mapping[str, Any]) -> ResolveError:
    """The error of an extra or a group that a file does not have."""
    listed = ", ".join(f"`{one}`" for one in sorted(known)) or "none"
    return ResolveError(
        f"`{source}` has no {kind} `{name}`.", hint=f"It has {listed}; see `python.{kind}s`."
    )


def _places(tool: Mapping[str, Any], wanted: set[str], source: str) -> dict[str, str]:
    """Package -> address of its index, where `tool.uv.sources` names one."""
    urls = {index.get("name"): index.get("url") for index in tool.get("index", ())}
    places = {}
    for name, given in _table(tool, "sources", source).items():
        if normalize(name) not in wanted:
            continue
        url = urls.get(given.get("index")) if isinstance(given, dict) else None
        if not isinstance(url, str) or "://" not in url or "marker" in given:
            raise ResolveError(
                f"`{source}` takes `{name}` from a source with a marker, or that is not an index.",
                hint="Bind it under `python.indexes` in the bundlefile, or name a uv.lock.",
            )
        places[normalize(name)] = url
    return places


def _lines(found: Any, key: str, source: str) -> Sequence[Any]:
    """A list of requirements; of a text, each letter would be taken for a package."""
    if not isinstance(found, list):
        raise ResolveError(f"`{key}` in `{source}` is not a list.", hint='Write `["name>=1.2"]`.')
    return found


def _table(data: Mapping[str, Any], key: str, source: str) -> Mapping[str, Any]:
    found = data.get(key, {})
    if not isinstance(found, dict):
        raise ResolveError(f"`{key}` in `{source}` is not a table.")
    return found
