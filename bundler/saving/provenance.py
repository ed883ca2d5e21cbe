"""Provenance: the versions of the libraries that a model was saved with."""

import re
import sys
from collections.abc import Iterable
from importlib import metadata

from ...runtime.pickles.pickling import is_local

_OURS = __name__.partition(".")[0]


def packages(imports: Iterable[str]) -> dict[str, str]:
    """Distribution -> version for import names, sorted; without local parts (`+cpu`).

    The distribution is the one installed here: `xgboost-cpu` stays what it is. What is not
    installed, Python's own modules and the author's files are left out.
    """
    names = {name for name in imports if name != _OURS and not _is_of_no_package(name)}
    known = _owners(names)
    chosen = [min(known[name]) for name in sorted(known)]
    return {name: metadata.version(name).partition("+")[0] for name in chosen}


def _is_of_no_package(name: str) -> bool:
    return name in sys.stdlib_module_names or is_local(name)


def _owners(names: Iterable[str]) -> dict[str, set[str]]:
    """The distributions of each name that any has.

    As `metadata.packages_distributions` finds them, which reads all files of each and their
    metadata: 130 ms here, most of what it takes to save a small model.
    """
    found: dict[str, set[str]] = {}
    for distribution in metadata.distributions():
        for name in _brought(distribution, names):
            found.setdefault(name, set()).add(distribution.metadata["Name"])
    return found


def _brought(distribution: metadata.Distribution, names: Iterable[str]) -> list[str]:
    """Those of the names that this distribution declares, else has modules of."""
    if declared := (distribution.read_text("top_level.txt") or "").split():
        return [name for name in names if name in declared]
    listed = distribution.read_text("RECORD")
    if listed is None:  # a system's own packages have other lists
        listed = "".join(f"{file},\n" for file in distribution.files or ())
    listed = f"\n{listed}"
    return [name for name in names if f"\n{name}" in listed and _has_module(listed, name)]


def _has_module(listed: str, name: str) -> bool:
    pattern = rf"\n{re.escape(name)}(/.*)?(\.[\w-]+)?\.(py|so|pyd),"
    return re.search(pattern, listed) is not None
