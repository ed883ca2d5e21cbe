"""PackageTree: the wheels of a lock, unpacked here for the platform of the image.

No code of the packages runs: uv installs wheels only, by hash. An image gets the files that their
RECORDs list, without scripts that contain the path of this machine's Python, and without the
metadata of the installation.
"""

import base64
import binascii
import csv
import io
import os
import stat as modes
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ....runtime import canonical, digest
from ...errors import BuildError, ResolveError
from ...progress import Progress
from ...requirements.lock.lock import index_arguments
from ...requirements.resolving import uv
from ...requirements.target import PLATFORMS
from ...requirements.wheels import collisions
from ...requirements.wheels.listing import owner
from ...store import Store
from ...store.files import disk
from .. import layer_cache
from ..member import Member
from .bytecode import TESTS, Compiler

_FORMAT = 2
_NOTES = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
_SCRIPT = b"#!"
_KEPT = 8  # trees


@dataclass(frozen=True, slots=True)
class PackageTree:
    """The directory of the packages of one lock; `key` is the same on every machine.

    Hold the key (`Store.holding`) before you ask whether it is there, for as long as you read it.
    """

    directory: Path
    key: str
    lock: str
    wanted: "Wanted"

    @classmethod
    def of(cls, store: Store, lock: str, wanted: "Wanted") -> "PackageTree":
        """The tree of a lock's digest, for a machine and with or without compiled files."""
        about: dict[str, Any] = {"format": _FORMAT, "lock": lock, "python": wanted.python}
        about |= {"platform": wanted.platform, "site": wanted.site}
        about |= {"compiler": wanted.compiler.name if wanted.compiler else None}
        key = digest.of_bytes(canonical.dumps(about))
        place = store.root / "layers" / layer_cache.PACKAGES / key.removeprefix("sha256:")
        return cls(place, key, lock, wanted)

    @property
    def is_there(self) -> bool:
        """Whether it was unpacked before."""
        return self.directory.is_dir()

    def make(
        self, store: Store, requirements: Path, progress: Progress, *, offline: bool = False
    ) -> None:
        """Unpack the packages, unless they are there.

        Raises:
            ResolveError: when a wheel is missing, unreachable or not the locked one, or when two
                own the same file.
        """
        if self.is_there:
            with suppress(OSError):  # a read-only store
                os.utime(self.directory)
            return
        wanted = self.wanted
        progress.step(f"Unpacking the packages for {wanted.platform}, Python {wanted.python}")
        with store.staging() as work:
            target = work / "packages"
            uv.run(
                wanted.arguments(target, requirements),
                cwd=work,
                offline=offline,
                environment={"UV_NO_INSTALLER_METADATA": "1", "UV_COMPILE_BYTECODE": "0"},
            )
            target.mkdir(exist_ok=True)  # uv makes none for an empty lock
            collisions.check_environment(target)
            if wanted.compiler is not None:
                progress.step(f"Compiling them with Python {wanted.compiler.version}")
                wanted.compiler.run(list(self._sources(target)), work)
            self._place(target, store)

    def _sources(self, target: Path) -> Iterator[tuple[Path, str, Path]]:
        compiler = self.wanted.compiler
        for source in sorted(target.rglob("*.py")) if compiler else ():
            inside = source.relative_to(target)
            path = inside.as_posix()
            is_listed = "\t" not in path and "\n" not in path
            if compiler and is_listed and TESTS not in inside.parts[:-1]:
                yield source, f"{self.wanted.site}/{path}", target / compiler.place(path)

    def _place(self, target: Path, store: Store) -> None:
        disk.make_directories(self.directory.parent)
        layer_cache.note_lock(self.directory, self.lock)
        disk.sync_filesystem(target)  # uv and the compiler do not
        try:
            target.rename(self.directory)
        except OSError:
            if not self.is_there:  # else another process was faster
                raise
        disk.sync_directory(self.directory.parent)
        self._make_room(store)

    def _make_room(self, store: Store) -> None:
        """Remove the least recently used trees; their wheels are in the cache of uv."""
        there = [path for path in self.directory.parent.iterdir() if path.is_dir()]
        there.sort(key=_last_use, reverse=True)
        layer_cache.remove(store, there[_KEPT:])

    def members(self) -> Mapping[str, list[Member]]:
        """The files of each distribution at their paths in the image, by normalized name.

        What two of them bring with different content stays out: it would be chance which is there.

        Raises:
            BuildError: when a RECORD cannot be followed.
        """
        records = sorted(self.directory.glob("*.dist-info/RECORD"))
        left = collisions.disputed(self.directory)
        return {owner(record): list(self._distribution(record, left)) for record in records}

    def _distribution(self, record: Path, left: Collection[str]) -> Iterator[Member]:
        rows = [row for row in _rows(record) if self._travels(row[0]) and row[0] not in left]
        own = record.relative_to(self.directory).as_posix()
        for path, content in rows:
            if path != own:
                yield self._member(path, content)
                yield from self._compiled(path)
        yield Member.of_bytes(f"{self.wanted.site}/{own}", _record(rows))

    def _compiled(self, path: str) -> Iterator[Member]:
        compiler = self.wanted.compiler
        if compiler is None or not path.endswith(".py"):
            return
        inside = compiler.place(path)
        place = self.directory / inside
        if place.is_file():
            yield Member(f"{self.wanted.site}/{inside}", place, place.stat().st_size)

    def _travels(self, path: str) -> bool:
        parts = PurePosixPath(path).parts
        if not parts or ".." in parts or path.startswith("/"):
            raise BuildError(
                f"A wheel's RECORD names {path!r}, which is outside of its own folder.",
                hint="Build the image with an engine: `--engine docker`.",
            )
        if "__pycache__" in parts or (parts[-1] in _NOTES and parts[0].endswith(".dist-info")):
            return False
        return parts[0] != "bin" or not self._is_script(path)

    def _is_script(self, path: str) -> bool:
        with suppress(OSError), (self.directory / path).open("rb") as file:
            return file.read(2) == _SCRIPT
        return False  # not a file either; reported later

    def _member(self, path: str, content: str) -> Member:
        place = self.directory / path
        try:
            about = place.lstat()
        except (OSError, ValueError) as error:
            raise self._missing(path) from error
        if not modes.S_ISREG(about.st_mode):
            raise self._missing(path)
        executable = bool(about.st_mode & 0o100)
        return Member(
            f"{self.wanted.site}/{path}", place, about.st_size, executable, _digest(content)
        )

    def _missing(self, path: str) -> BuildError:
        return self._incomplete(f"{path!r} is named by a wheel's RECORD, and no such file is there")

    def lacks(self, name: str) -> BuildError:
        """The error for a locked distribution without a RECORD."""
        return self._incomplete(f"`{name}` is locked, and no RECORD of it is there")

    def _incomplete(self, problem: str) -> BuildError:
        return BuildError(f"{problem}.", hint=f"Remove `{self.directory}`, then try again.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The target of unpacked wheels: Python, platform, path in the image, and compiler."""

    python: str
    platform: str
    site: str
    compiler: Compiler | None = None

    def arguments(self, target: Path, requirements: Path) -> list[str]:
        """The arguments for uv; raises ResolveError for an unknown platform."""
        if self.platform not in PLATFORMS:
            raise ResolveError(f"No wheels are known for `{self.platform}`.")
        given = ["pip", "install", "--target", str(target), "--no-deps", "--require-hashes"]
        given += ["--only-binary", ":all:", "--python-version", self.python]
        given += ["--python-platform", PLATFORMS[self.platform], "--no-python-downloads"]
        given += ["--index-strategy", "unsafe-best-match"]  # the locked digest decides
        return [*given, *index_arguments(requirements), "--requirement", str(requirements)]


def _last_use(tree: Path) -> float:
    with suppress(OSError):
        return tree.stat().st_mtime
    return 0.0  # another process has removed it


def _rows(record: Path) -> list[tuple[str, str]]:
    try:
        with record.open(newline="", encoding="utf-8") as file:
            return [(row[0], row[1] if len(row) > 1 else "") for row in csv.reader(file) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise BuildError(
            f"The RECORD of `{record.parent.name}` cannot be read.",
            hint="Build the image with an engine: `--engine docker`.",
        ) from error


def _record(rows: list[tuple[str, str]]) -> bytes:
    """The RECORD of the remaining files, sorted, without sizes, which are optional."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([*row, ""] for row in sorted(rows))
    return text.getvalue().encode()


def _digest(content: str) -> str:
    """`sha256=…` of a RECORD, in urlsafe base64 without padding, as a digest; else ""."""
    kind, _, value = content.partition("=")
    if kind != "sha256":
        return ""
    try:
        return "sha256:" + base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()
    except (ValueError, binascii.Error):
        return ""
