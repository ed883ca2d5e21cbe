"""`[tool.uv]` of a pyproject.toml: settings that affect a lock are honoured or refused.

Settings of uv's own work on a machine (caches, links, progress) do not affect a lock, and are
ignored. The keys are those of uv's reference (https://docs.astral.sh/uv/reference/settings/).
"""

from collections.abc import Collection, Mapping
from typing import Any

from ...errors import ResolveError
from ..index import bare

_PIN = "Name the versions that you mean in `python.requirements`"
_INDEX = "Say what comes from it under `python.indexes` in the bundlefile"
_STEERING: Mapping[str, str] = {
    "override-dependencies": "A version that another package excludes cannot be locked; pin what "
    "fits, or leave a package out with `python.exclude_packages`",
    "exclude-dependencies": "Name them under `python.exclude_packages` in the bundlefile",
    "dependency-metadata": "Build a wheel with the right metadata, and name its folder under "
    "`python.find_links`",
    "exclude-newer": "Set `python.exclude_newer` in the bundlefile",
    "exclude-newer-package": "Set `python.exclude_newer` in the bundlefile",
    "prerelease": f"{_PIN}, as `name>=2.0rc1`",
    "resolution": f"{_PIN}, with `==`",
    "find-links": "Name the folder under `python.find_links` in the bundlefile",
    "no-binary": "Name the package under `python.allow_source` in the bundlefile",
    "no-binary-package": "Name the package under `python.allow_source` in the bundlefile",
    "no-index": "Use `bundle lock --offline`",
    "no-sources": "Take the sources out of the file",
    "index-strategy": _INDEX,
    "torch-backend": "Set `accelerator` in the bundlefile",
}
_USUAL = {
    "prerelease": ("disallow", "if-necessary", "if-necessary-or-explicit"),
    "resolution": ("highest",),
    "index-strategy": ("first-index", "first-match"),
}


def check(tool: Mapping[str, Any], source: str, known: Collection[str]) -> None:
    """Refuse settings that would change the lock.

    `known` are addresses of indexes from which packages come anyway.

    Raises:
        ResolveError: naming the key, and what to write in its place.
    """
    for key, hint in _STEERING.items():
        value = tool.get(key)
        if value and value not in _USUAL.get(key, ()):
            raise _refused(key, source, hint)
    for key in ("index-url", "extra-index-url"):
        given = tool.get(key) or []
        for url in [given] if isinstance(given, str) else given:
            if bare(str(url)) not in known:
                raise _refused(key, source, _INDEX)
    sources = [one for one in (tool.get("sources") or {}).values() if isinstance(one, dict)]
    bound = {one.get("index") for one in sources}  # asked for those packages, and for no others
    for index in tool.get("index") or []:
        is_asked = not index.get("explicit") and index.get("name") not in bound
        if is_asked and bare(str(index.get("url", ""))) not in known:
            name = str(index.get("name") or bare(str(index.get("url", ""))))
            raise ResolveError(
                f"`{source}` would have any package taken from the index `{name}`, one of the same "
                "name as yours, too.",
                hint=f"{_INDEX}, or let it be `explicit = true` with `tool.uv.sources`.",
            )


def check_lock(data: Mapping[str, Any], source: str) -> None:
    """Refuse a uv.lock whose versions hold only because uv was told to pass over conditions.

    Raises:
        ResolveError: naming the key.
    """
    manifest = data.get("manifest") or {}
    for key in ("overrides", "excludes", "dependency-metadata"):
        if manifest.get(key):
            name = {"overrides": "override-dependencies", "excludes": "exclude-dependencies"}
            raise _refused(name.get(key, key), source, _STEERING[name.get(key, key)])


def _refused(key: str, source: str, hint: str) -> ResolveError:
    return ResolveError(
        f"`{source}` was written with `tool.uv.{key}`, which a bundle's lock does not follow.",
        hint=f"{hint}.",
    )
