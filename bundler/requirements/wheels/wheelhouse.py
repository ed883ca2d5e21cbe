"""Wheelhouse: a directory with all wheels of a lock, for installs without a network."""

import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ....runtime import digest as digests
from ....runtime.first_few import first_few
from ... import atomic_file
from ...errors import ResolveError, StoreError
from ...progress import Meter, Progress
from ...store import drafts
from ..index import Index
from ..lock.lock_file import LockFile
from ..lock.package import Package
from ..standalone import MIRROR, Archive
from .location import Location
from .remote_file import download

LOCK = "bundle.lock"
REQUIREMENTS = "requirements.lock"
BASE = "base"
"""An OCI layout with the base images."""
PYTHON = "python"
"""A mirror of python-build-standalone, for base images that hold no Python."""
NAMED = 12  # hex digits of a digest, by which the layout calls it
AT_ONCE = 4
SHOWN = 5  # files named in a message


@dataclass(frozen=True, slots=True)
class Wheelhouse:
    """`directory/wheels/` by name, and beside it the lock that they are of."""

    directory: Path

    @classmethod
    def open(cls, directory: Path) -> "Wheelhouse":
        """Open the wheelhouse in `directory`; raises ResolveError if there is none."""
        if not (directory / "wheels").is_dir():
            raise ResolveError(
                f"`{directory}` holds no vendored wheels.",
                hint=f"Make it where there is a network: `bundle vendor . -o {directory}`.",
            )
        return cls(directory)

    @property
    def wheels(self) -> Path:
        """The folder of the wheels."""
        return self.directory / "wheels"

    @property
    def lock(self) -> LockFile | None:
        """The lock that was vendored with a project; None with a bundle, which has its own."""
        return LockFile.read(self.directory / LOCK)

    def base_of(self, reference: str) -> str:
        """Where the base image `name:tag@sha256:…` is in this directory: `oci:DIR:NAME`.

        Raises:
            ResolveError: when it was not vendored.
        """
        layout = self.directory / BASE
        digest = reference.rpartition("@sha256:")[2]
        if "@" not in reference or not (layout / "blobs" / "sha256" / digest).is_file():
            raise ResolveError(
                f"`{self.directory}` lacks the base image `{reference}`.",
                hint="Run `bundle vendor` where its registry answers, or say `--base oci:DIR`.",
            )
        return f"oci:{layout}:{digest[:NAMED]}"

    def python(self, archive: Archive) -> Path:
        """The path of the archive in the mirror, by its URL at the publisher."""
        return self.directory / PYTHON / unquote(archive.path)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Take packages and Python only from here."""
        given = {"UV_FIND_LINKS": self.wheels.resolve().as_uri(), "UV_NO_INDEX": "1"}
        if (self.directory / PYTHON).is_dir():
            given[MIRROR] = (self.directory / PYTHON).resolve().as_uri()
        before = {name: os.environ.get(name) for name in given}
        os.environ.update(given)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})

    def missing(self, packages: Iterable[Package]) -> list[str]:
        """The names of locked files that are missing or differ."""
        return [
            name
            for package in packages
            for name, locked in package.files.items()
            if not self._has(name, locked)
        ]

    def check(self, packages: Iterable[Package]) -> None:
        """Raise a ResolveError that names the missing files of a lock, if there are any."""
        if lacking := self.missing(packages):
            raise ResolveError(
                f"`{self.wheels}` lacks {first_few(lacking, SHOWN)} of the lock.",
                hint=f"Run `bundle vendor . -o {self.directory}` where there is a network.",
            )

    def fill(
        self, locations: Iterable[Location], indexes: Iterable[Index], progress: Progress
    ) -> int:
        """Fetch the missing files; returns their number.

        Raises:
            ResolveError: when a file cannot be had, or is another than was locked.
            StoreError: when it cannot be written.
        """
        wanted = {place.name: place for place in locations}
        absent = [place for place in wanted.values() if not self._has(place.name, place.digest)]
        indexes = tuple(indexes)
        self.prepare()
        try:
            with (
                progress.meter("Fetching wheels", len(absent), "files") as meter,
                ThreadPoolExecutor(AT_ONCE) as pool,
            ):
                list(pool.map(lambda place: self._take(place, indexes, meter), absent))
        except OSError as error:
            raise _unwritten(self.wheels, error) from error
        return len(absent)

    def prepare(self) -> None:
        """Create the directory if necessary; raises StoreError if that fails."""
        try:
            self.wheels.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritten(self.wheels, error) from error
        for folder in (self.directory, self.wheels):
            drafts.clear(folder)

    def _has(self, name: str, digest: str) -> bool:
        path = self.wheels / name
        return path.is_file() and digests.of_file(path) == f"sha256:{digest}"

    def _take(self, place: Location, indexes: tuple[Index, ...], meter: Meter) -> None:
        with atomic_file.replacing(self.wheels / place.name) as draft:
            _fetch(place, indexes, draft)
            if digests.of_file(draft) != f"sha256:{place.digest}":
                raise ResolveError(f"`{place.name}` is not the file that was locked.")
        meter.advance(1)


def _unwritten(path: Path, error: OSError) -> StoreError:
    return StoreError(f"`{path}` cannot be written: {error.strerror or error}.")


def _fetch(place: Location, indexes: tuple[Index, ...], path: Path) -> None:
    if place.url.startswith(("http://", "https://")):
        try:
            download(place.url, path, indexes, place.size)
        except OSError as error:
            host = urlsplit(place.url).hostname
            hint = None if error.errno != errno.ENOSPC else "Free some space, or name another disk."
            raise ResolveError(
                f"`{place.name}` cannot be fetched from {host}: {error.strerror or error}.",
                hint=hint,
            ) from error
        return
    local = unquote(urlsplit(place.url).path) if place.url.startswith("file:") else place.url
    shutil.copyfile(local, path)


def by_digest(packages: Iterable[Package], found: Mapping[str, Location]) -> Iterator[Location]:
    """The located file of each package; `found` is by digest.

    Raises:
        ResolveError: when the index no longer has a file of one.
    """
    for package in packages:
        there = [found[value] for value in package.files.values() if value in found]
        if not there:
            raise ResolveError(
                f"No index has the file of {package.name} {package.version} that was locked.",
                hint="Lock again with `bundle lock --upgrade`.",
            )
        yield from there
