"""Wheels that need a library of the system, which images for Python do not have."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .requirements import normalize

if TYPE_CHECKING:
    from .resolving.accelerator import Accelerator

_WANTED = {
    "lightgbm": ("libgomp.so.1", "libgomp1", ""),
    "opencv-contrib-python": ("libGL.so.1", "libgl1", "opencv-contrib-python-headless"),
    "opencv-python": ("libGL.so.1", "libgl1", "opencv-python-headless"),
}
"""Of a package: the library, Debian's package of it, and a package that does without."""
_FULL = frozenset({"own", "devel", "cudnn-devel"})  # the author's base, or one with a compiler


def wanted(packages: Iterable[str]) -> tuple[str, ...]:
    """The packages of Debian without which these Python packages cannot be imported."""
    known = (_WANTED.get(normalize(name)) for name in packages)
    return tuple(sorted({each[1] for each in known if each}))


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
        library, package, instead = _WANTED.get(name, ("", "", ""))
        if package and package not in names:
            other = f"Require `{instead}`, which needs none of it, or add" if instead else "Add"
            yield (
                f"`{name}` needs `{library}`, which neither its wheel nor `{base}` has: in the "
                f"image it cannot be imported. {other} `system: {{packages: [{package}]}}`."
            )
