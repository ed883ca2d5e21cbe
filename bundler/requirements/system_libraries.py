"""Wheels that need a library of the system, which images for Python do not have."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .requirements import normalize

if TYPE_CHECKING:
    from .resolving.accelerator import Accelerator

_GRAPHICS = ("libgl1", "libglib2.0-0")
_WANTED = {
    "lightgbm": ("libgomp.so.1", ("libgomp1",), ""),
    "opencv-contrib-python": ("libGL.so.1", _GRAPHICS, "opencv-contrib-python-headless"),
    "opencv-python": ("libGL.so.1", _GRAPHICS, "opencv-python-headless"),
    "pyodbc": ("libodbc.so.2", ("unixodbc",), ""),
}
"""Of a package: a library, what Debian needs for all of them, and a package that does without.

It is short, for a `manylinux` wheel may need little of the system, and most bring what they need.
"""
_FULL = frozenset({"own", "devel", "cudnn-devel"})  # the author's base, or one with a compiler


def wanted(packages: Iterable[str]) -> tuple[str, ...]:
    """The packages of Debian without which these Python packages cannot be imported."""
    known = (_WANTED.get(normalize(name)) for name in packages)
    return tuple(sorted({package for each in known if each for package in each[1]}))


def doubts(
    packages: Iterable[str], system: Iterable[str], hardware: "Accelerator"
) -> Iterator[str]:
    """What these Python packages lack in an image on the chosen base, a sentence each.

    system   packages of Debian that it gets, maybe with versions
    """
    if hardware.flavor in _FULL:
        return
    names = {package.partition("=")[0] for package in system}
    base = hardware.base.partition("@")[0]
    for name in sorted(map(normalize, packages)):
        library, needed, instead = _WANTED.get(name, ("", (), ""))
        if not names.issuperset(needed):
            listed = ", ".join(needed)
            other = f"Require `{instead}`, which needs none of it, or add" if instead else "Add"
            yield (
                f"`{name}` needs `{library}`, which neither its wheel nor `{base}` has: in the "
                f"image it cannot be imported. {other} `system: {{packages: [{listed}]}}`."
            )
