"""What uv warns of in packages that it has chosen nevertheless."""

import re

from ..index import shown
from ..requirements import normalize

_EXTRA = re.compile(r"warning: The package `([^`=]+)==([^`]+)` does not have an extra named `(.+)`")
_YANKED = re.compile(r"warning: `([^`=]+)==([^`]+)` is yanked(?: \(reason: \"(.*)\"\))?")


def read_warnings(stderr: str) -> dict[str, tuple[str, ...]]:
    """Sentences about extras that do not exist and versions that were withdrawn, by package."""
    found: dict[str, tuple[str, ...]] = {}
    for line in stderr.splitlines():
        if extra := _EXTRA.fullmatch(line):
            name, version, missing = extra.groups()
            sentence = f"{name} {version} has no extra `{shown(missing)}`, so it brings nothing."
        elif yanked := _YANKED.fullmatch(line):
            name, version, reason = yanked.groups()
            why = f": {shown(reason).rstrip('.')}" if reason else ""
            sentence = f"{name} {version} was withdrawn from its index (yanked){why}."
        else:
            continue
        key = normalize(name)
        found[key] = (*found.get(key, ()), sentence)
    return found
