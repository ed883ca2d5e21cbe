"""Provenance: the versions of the libraries that a model was saved with."""

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
    known = metadata.packages_distributions()
    found = {}
    for name in sorted(set(imports)):
        if name == _OURS or name in sys.stdlib_module_names or is_local(name):
            continue
        for distribution in sorted(set(known.get(name, ())))[:1]:
            found[distribution] = metadata.version(distribution).partition("+")[0]
    return found
