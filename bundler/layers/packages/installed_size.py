"""Estimates the installed size of packages before they are fetched."""

from collections.abc import Mapping
from importlib import metadata

from .bytecode import TESTS

_BLOCK = 512
_COMPILED = 1.7
"""Bytes of a compiled file for each of its source, as measured with scikit-learn and SciPy."""


def installed_size(pins: Mapping[str, str], *, is_compiled: bool) -> int | None:
    """Bytes that these packages take in a tar, as those of this environment say.

    `is_compiled` counts compiled files, too. None when one of the packages is not installed here,
    or in another version.
    """
    total = 0
    for name, version in pins.items():
        found = _size(name, version, is_compiled)
        if found is None:
            return None
        total += found
    return total


def _size(name: str, version: str, is_compiled: bool) -> int | None:
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    if distribution.version != version or distribution.files is None:
        return None
    total = 0
    for file in distribution.files:
        if "__pycache__" not in file.parts and file.parts[0] != "..":
            size = file.size or 0
            total += _padded(size)
            if is_compiled and file.suffix == ".py" and TESTS not in file.parts[:-1]:
                total += _padded(round(size * _COMPILED))
    return total


def _padded(size: int) -> int:
    return _BLOCK + size + -size % _BLOCK
