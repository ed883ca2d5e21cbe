"""Fetches the Python archive for base images without Python."""

from collections.abc import Iterable
from pathlib import Path

from ...runtime import digest as digests
from .. import atomic_file
from ..errors import ResolveError
from ..layers.packages import python_tree
from ..progress import Progress
from ..requirements import standalone
from ..requirements.wheels.wheelhouse import Wheelhouse


def vendor(
    wanted: Iterable[tuple[str, str]], house: Wheelhouse, progress: Progress, *, offline: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Bring Python for each (version, platform); names of the archives, and what is missing."""
    found, lacking = [], []
    for python, platform in sorted(wanted):
        try:
            found.append(_archive(python, platform, house, progress, offline=offline))
        except ResolveError as error:
            lacking.append(f"Python for the image is not among them: {error} {error.hint}")
    return tuple(found), tuple(lacking)


def _archive(
    python: str, platform: str, house: Wheelhouse, progress: Progress, *, offline: bool
) -> str:
    archive = standalone.find(python, platform)
    if archive is None:
        raise ResolveError(
            f"no build of {python} for {platform} is known.",
            hint="Where a network is, an engine can follow the Containerfile.",
        )
    place = house.python(archive)
    if not (place.is_file() and digests.of_file(place) == f"sha256:{archive.digest}"):
        progress.step(f"Bringing Python {archive.version} for {archive.machine}")
        _bring(archive, place, offline=offline)
    return place.name


def _bring(archive: standalone.Archive, place: Path, *, offline: bool) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file.replacing(place) as draft:
        python_tree.fetch(archive, draft, offline=offline)
