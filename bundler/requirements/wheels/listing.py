"""Listing: the files that a wheel puts into an environment, with their digests, from its RECORD.

It is read from the wheel, or from ranges of a remote one, and cached by the digest of the wheel.
"""

import csv
import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ....runtime import zip_member
from ..index import Index
from ..lock.package import Package
from ..requirements import normalize
from .remote_file import RemoteFile
from .request import AT_ONCE

Listing = Mapping[str, str]
"""Path from site-packages -> digest as RECORD writes it, `sha256=…`."""

LARGEST = 64 << 20  # bytes of a RECORD
_RECORD = re.compile(r"[^/]+\.dist-info/RECORD")
_DATA = re.compile(r"[^/]+\.data/(purelib|platlib|scripts|data|headers)/(.+)")
_PLACES = {"purelib": "", "platlib": "", "scripts": "../../../bin/", "data": "../../../",
           "headers": "../../../include/"}  # fmt: skip
_SHARED = re.compile(r"(^|/)(__pycache__/|INSTALLER$|REQUESTED$|direct_url\.json$)|\.dist-info/")


def listings(
    packages: Sequence[Package], indexes: Iterable[Index] = (), *, offline: bool = False
) -> dict[str, Listing]:
    """The files of each wheel by the name of its package; without wheels that cannot be read."""
    files = [(package, name) for package in packages for name in package.files]
    wheels = [(package, name) for package, name in files if name.endswith(".whl")]
    indexes = tuple(indexes)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda one: _listing(one[0], one[1], indexes, offline=offline), wheels)
    listed: dict[str, Listing] = {}
    for (package, _), listing in zip(wheels, found, strict=True):
        if listing is not None:
            listed[package.name] = {**listed.get(package.name, {}), **listing}
    return listed


def parse(text: str) -> Listing:
    """The installed paths of a RECORD; without those that every installation writes.

    Raises:
        ValueError: for what is no RECORD.
    """
    try:
        rows = [row for row in csv.reader(text.splitlines()) if len(row) >= 2]  # noqa: PLR2004
    except csv.Error as error:
        raise ValueError(str(error)) from error
    return {
        _placed(path): content for path, content, *_ in rows if content and not _SHARED.search(path)
    }


def owner(record: Path) -> str:
    """The normalized name of the distribution of a RECORD; some builders leave a `-` in it."""
    return normalize(record.parent.name.removesuffix(".dist-info").rpartition("-")[0])


def _placed(path: str) -> str:
    found = _DATA.fullmatch(path)
    return _PLACES[found[1]] + found[2] if found else path


def _listing(
    package: Package, name: str, indexes: Sequence[Index], *, offline: bool
) -> Listing | None:
    kept = _kept(package.files[name])
    if (text := _recall(kept)) is not None:
        return parse(text)
    place = package.urls.get(name, "")
    if not place or (offline and place.startswith("http")):
        return None
    try:
        with _opened(place, indexes) as file:
            text = _record(file)
        listing = parse(text)
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, RuntimeError):
        return None  # reported as unreadable
    _remember(kept, text)
    return listing


@contextmanager
def _opened(place: str, indexes: Sequence[Index]) -> Iterator[zipfile.ZipFile]:
    if place.startswith(("http://", "https://")):
        with zipfile.ZipFile(RemoteFile(place, indexes)) as file:
            yield file
        return
    path = unquote(urlsplit(place).path) if place.startswith("file:") else place
    with zipfile.ZipFile(path) as file:
        yield file


def _record(file: zipfile.ZipFile) -> str:
    found = [info for info in file.infolist() if _RECORD.fullmatch(info.filename)]
    if len(found) != 1:
        raise ValueError("no RECORD, or an invalid one")
    return zip_member.read(file, found[0], LARGEST).decode("utf-8")


def cache_home() -> Path | None:
    """The cache directory of this tool; None if there is no home directory."""
    if given := os.environ.get("XDG_CACHE_HOME"):
        return Path(given) / "modelbundle"
    try:
        return Path.home() / ".cache" / "modelbundle"
    except RuntimeError:
        return None


def _kept(digest: str) -> Path | None:
    home = cache_home()
    return home / "records" / digest if home else None


def _recall(path: Path | None) -> str | None:
    try:
        data = path.read_bytes() if path else b""
        return zlib.decompress(data).decode("utf-8") if data else None
    except (OSError, zlib.error, UnicodeDecodeError):
        return None


def _remember(path: Path | None, text: str) -> None:
    if path is None:
        return
    with suppress(OSError):  # a cache that cannot be written is none
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.{id(text)}")
        draft.write_bytes(zlib.compress(text.encode("utf-8"), 1))
        draft.replace(path)
