"""Estimates the installed size of packages before they are fetched."""

from collections.abc import Mapping
from importlib import metadata

_BLOCK = 512


def installed_size(pins: Mapping[str, str]) -> int | None:
    """Bytes that these packages take in a tar, as those of this environment say.

    None when one of them is not installed here, or in another version.
    """
    total = 0
    for name, version in pins.items():
        found = _size(name, version)
        if found is None:
            return None
        total += found
    return total


def _size(name: str, version: str) -> int | None:
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
            total += _BLOCK + size + -size % _BLOCK
    return total
