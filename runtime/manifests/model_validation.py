"""Model validation: checks names, versions, paths and dtypes in a model.json.

An invalid version could be an option for the resolver; an invalid path or dtype would crash its
readers. Sources: PEP 508 (names), PEP 440 (versions).
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import get_args

from .signature import Layout, Side

_LAYOUTS = frozenset(get_args(Layout))
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]{0,126}")
_PYTHON = re.compile(r"[0-9]{1,2}\.[0-9]{1,3}(?:[.+a-z][0-9a-z.+]{0,30})?")
_DTYPE = re.compile(r"[a-z][a-z0-9_]{0,31}(?:\[[A-Za-z0-9_ ,/:+-]{1,64}\])?")


def is_package(name: str, version: str) -> bool:
    """Whether these are the name and the version of a distribution."""
    return bool(_NAME.fullmatch(name) and _VERSION.fullmatch(version))


def is_python(version: str) -> bool:
    """Whether it is a version of Python."""
    return bool(_PYTHON.fullmatch(version))


def check_made_with(python: str | None, packages: Mapping[str, str]) -> None:
    """Hold the versions that it was saved with against their grammars.

    Raises:
        ValueError: naming the first that is none.
    """
    if python is not None and not is_python(python):
        raise ValueError(f"{python[:80]!r} is not a version of Python")
    for name, version in packages.items():
        if not is_package(name, version):
            raise ValueError(f"{name[:80]!r} {str(version)[:80]!r} is not a package with a version")


def check_sides(sides: Iterable[Side]) -> None:
    """Hold the layouts, dtypes and shapes of methods against what there can be.

    Raises:
        ValueError: naming the first that cannot.
    """
    for side in sides:
        if side.layout not in _LAYOUTS:
            raise ValueError(f"{side.layout[:80]!r} is not a layout of rows")
        if side.layout == "array" and not (side.fields and side.fields[0].shape):
            raise ValueError("an array has no shape")
        for field in side.fields:
            if not _DTYPE.fullmatch(field.dtype):
                raise ValueError(f"{field.dtype[:80]!r} is not a dtype")
            if any(size is not None and size < 0 for size in field.shape):
                raise ValueError(f"{field.name[:80]!r} has a negative size")


def check_samples(
    samples: Mapping[str, str], methods: Collection[str], files: Collection[str]
) -> None:
    """Each recorded sample is that of a method, and a file of the model.

    Raises:
        ValueError: naming the first that is not.
    """
    for method, path in samples.items():
        if method not in methods or path not in files:
            raise ValueError(f"the sample {path[:80]!r} of {method[:80]!r} is not there")
