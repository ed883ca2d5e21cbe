"""PythonTree: an interpreter, unpacked for a layer of its own below all packages.

The archive is compared with its digest before it is opened. Files for builds and desktops are left
out: headers, Tcl/Tk, pip. The standard library is compiled like packages.
"""

import hashlib
import http.client
import os
import shutil
import tarfile
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from ....runtime import canonical, digest
from ...errors import ResolveError
from ...progress import Progress
from ...requirements.standalone import MIRROR, Archive
from ...store import Store
from ...store.files import disk
from .. import layer_cache
from ..member import Member
from .bytecode import Compiler

PYTHON_HOME = "opt/python/current"
_FORMAT = 1
_TIMEOUT = 30.0  # seconds of silence
_LARGEST = 256 << 20  # bytes of an archive; known ones have a tenth to half of that
_TOP = "python"  # the archive's only folder
_UNUSED = ("include/", "share/", "lib/tcl", "lib/tk", "lib/thread", "lib/itcl", "lib/pkgconfig/")
_DESKTOP = frozenset({"idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "site-packages"})
_BUILDERS = ("pip", "idle", "pydoc", "2to3")


@dataclass(frozen=True, slots=True)
class PythonTree:
    """The directory of an interpreter; `home` is its path in the image, without leading slash."""

    directory: Path
    key: str
    archive: Archive
    home: str
    compiler: Compiler | None

    @classmethod
    def of(
        cls, store: Store, archive: Archive, home: str, compiler: Compiler | None
    ) -> "PythonTree":
        """The tree of an archive."""
        about = {"format": _FORMAT, "archive": archive.digest, "home": home}
        about |= {"compiler": compiler.name if compiler else ""}
        key = digest.of_bytes(canonical.dumps(about))
        place = store.root / "layers" / layer_cache.PYTHON / key.removeprefix("sha256:")
        return cls(place, key, archive, home, compiler)

    @property
    def is_there(self) -> bool:
        """Whether it was unpacked before."""
        return self.directory.is_dir()

    def make(self, store: Store, progress: Progress, *, offline: bool = False) -> None:
        """Fetch and unpack the interpreter, unless it is there.

        Raises:
            ResolveError: when it cannot be fetched, or is another than it should be.
        """
        if self.is_there:
            with suppress(OSError):  # a read-only store
                os.utime(self.directory)
            return
        with store.staging() as work:
            fetched, tree = work / "python.tar.gz", work / _TOP
            progress.step(f"Fetching Python {self.archive.version}")
            fetch(self.archive, fetched, offline=offline)
            with tarfile.open(fetched, "r:gz") as archive:
                for member in archive:
                    _unpack(archive, member, tree)
            if self.compiler is not None:
                self.compiler.run(list(self._sources(tree)), work)
            self._place(tree)

    def _place(self, tree: Path) -> None:
        disk.make_directories(self.directory.parent)
        disk.sync_filesystem(tree)  # a tree in place is complete, even after a power cut
        try:
            tree.rename(self.directory)
        except OSError:
            if not self.is_there:  # else another process was faster
                raise
        disk.sync_directory(self.directory.parent)

    def _sources(self, tree: Path) -> Iterator[tuple[Path, str, Path]]:
        for source in sorted(tree.rglob("*.py")) if self.compiler else ():
            path = source.relative_to(tree).as_posix()
            if self.compiler:
                yield source, f"{self.home}/{path}", tree / self.compiler.place(path)

    def members(self) -> Iterator[Member]:
        """Its files and links, at their paths in the image."""
        for place in sorted(self.directory.rglob("*")):
            path = f"{self.home}/{place.relative_to(self.directory).as_posix()}"
            if place.is_symlink():
                yield Member(path, link=str(place.readlink()))
            elif place.is_file():
                about = place.stat()
                yield Member(path, place, about.st_size, bool(about.st_mode & 0o100))


def fetch(archive: Archive, place: Path, *, offline: bool) -> None:
    """Fetch the archive to `place`, and compare it with its digest.

    Raises:
        ResolveError: when it cannot be had, or is another.
    """
    url = archive.url
    if offline and not url.startswith("file://"):
        raise ResolveError(
            f"Python {archive.version} for the image is not here, and `--offline` fetches nothing.",
            hint="`bundle vendor` brings it; or put "
            f"`{unquote(archive.path)}` below a folder and set {MIRROR}=file:///FOLDER.",
        )
    running, left = hashlib.sha256(), _LARGEST
    try:
        with _opened(url) as answer, place.open("xb") as file:
            while left > 0 and (chunk := answer.read(digest.CHUNK)):
                left -= len(chunk)
                running.update(chunk)
                file.write(chunk)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise ResolveError(
            f"`{url}` cannot be fetched: {getattr(error, 'reason', error)}.",
            hint=f"Name a mirror in {MIRROR}, or build where Docker or Podman runs.",
        ) from error
    if running.hexdigest() != archive.digest:
        raise ResolveError(
            f"`{url}` is not the Python that this tool knows: expected sha256:{archive.digest}, "
            f"got sha256:{running.hexdigest()}.",
            hint=f"Look at what {MIRROR} names.",
        )


def _opened(url: str) -> Any:
    # The user sets the mirror, perhaps a directory; the archive is compared with its digest.
    return urllib.request.urlopen(url, timeout=_TIMEOUT)  # noqa: S310


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, tree: Path) -> None:
    """One entry: a file, or a link that stays inside; its bytes are known, its paths looked at."""
    parts = PurePosixPath(member.name).parts
    if len(parts) < 2 or parts[0] != _TOP or ".." in parts:  # noqa: PLR2004 - below its folder
        return
    path = PurePosixPath(*parts[1:])
    if not _travels(path):
        return
    place = tree / path
    if member.issym():
        if member.linkname.startswith("/") or ".." in PurePosixPath(member.linkname).parts:
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(member.linkname)
    elif member.isfile():
        place.parent.mkdir(parents=True, exist_ok=True)
        source = archive.extractfile(member)
        assert source is not None, "it is a file"
        with place.open("xb") as file:
            shutil.copyfileobj(source, file)
        place.chmod(0o755 if member.mode & 0o100 else 0o644)


def _travels(path: PurePosixPath) -> bool:
    text, parts = str(path), path.parts
    if text.startswith(_UNUSED) or path.suffix in {".pyc", ".a"}:
        return False
    if parts[0] == "bin":
        return not parts[-1].startswith(_BUILDERS) and not parts[-1].endswith("-config")
    in_library = len(parts) > 2 and parts[0] == "lib" and parts[1].startswith("python")  # noqa: PLR2004
    return not (in_library and parts[2] in _DESKTOP)
