"""Pickles: what a file asks for, read without running it, and the policy under which it is run.

The gate is trust by digest (`NotTrusted`); the policy here only narrows what a trusted file may do.
"""

import bz2
import gzip
import io
import lzma
import pickle
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Self

from ..errors import NotTrusted
from .opcodes import Machine, Malformed

Mode = Literal["deny", "allow-listed", "allow"]

_STREAMS = 16  # pickles in one file: torch's old format has five
_INFLATED = 64 << 20  # bytes that a compressed pickle may grow to while it is looked at
_NESTED = 2  # archives within archives that are opened


@dataclass(frozen=True, slots=True)
class Scan:
    """What the pickles in a file ask for.

    globals    "module.name" of everything that loading would import, sorted
    complete   whether every opcode was understood; if not, `globals` is only what came before
    format     "pickle", "joblib" (compressed, or with raw arrays in between) or "zip" (torch)
    """

    globals: tuple[str, ...]
    complete: bool
    format: str
    pickles: int

    @property
    def modules(self) -> frozenset[str]:
        """Top-level packages of the globals."""
        return frozenset(name.partition(".")[0] for name in self.globals)


def scan(source: Path | bytes) -> Scan:
    """Look at every opcode of every pickle in a file: plain, compressed or a torch archive.

    Nothing is imported, called or unpacked to disk. Work and memory are bounded; a file beyond the
    bounds, or not a pickle at all, comes back with `complete` False.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        return _scan_file(file, _NESTED)


def _scan_file(file: IO[bytes], nesting: int) -> Scan:
    head = file.read(8)
    file.seek(0)
    if head.startswith(b"PK\x03\x04"):
        return _scan_archive(file, nesting)
    try:
        inflated = _inflate(head, file)
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return Scan((), complete=False, format="joblib", pickles=0)
    return _scan_stream(inflated or file, "joblib" if inflated else "pickle")


def _scan_stream(file: IO[bytes], seen: str) -> Scan:
    found: set[str] = set()
    pickles = 0
    complete = True
    while pickles < _STREAMS and (not pickles or _begins_pickle(file)):
        machine = Machine(file, found)
        try:
            machine.run()
        except Malformed:
            complete = False
            break
        finally:
            seen = "joblib" if machine.has_raw_arrays else seen
        pickles += 1
    return Scan(tuple(sorted(found)), complete=complete, format=seen, pickles=pickles)


def _begins_pickle(file: IO[bytes]) -> bool:
    head = file.read(2)
    file.seek(-len(head), io.SEEK_CUR)
    return len(head) == 2 and head[0] == 0x80 and head[1] <= pickle.HIGHEST_PROTOCOL  # noqa: PLR2004


def _scan_archive(file: IO[bytes], nesting: int) -> Scan:
    parts: list[Scan] = []
    try:
        with zipfile.ZipFile(file) as archive:
            for member in _pickled_members(archive):
                if member.file_size > _INFLATED or not nesting:
                    parts.append(Scan((), complete=False, format="zip", pickles=0))
                    continue
                parts.append(_scan_file(io.BytesIO(archive.read(member)), nesting - 1))
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError):
        return Scan((), complete=False, format="zip", pickles=0)
    names = sorted({name for part in parts for name in part.globals})
    complete = all(part.complete for part in parts)
    return Scan(tuple(names), complete, "zip", sum(part.pickles for part in parts))


def _pickled_members(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    for member in archive.infolist():
        if member.filename.endswith((".pkl", ".pickle")):
            yield member
        elif member.filename.endswith((".pt", ".pth")):  # archives inside a .pt2
            with archive.open(member) as inner:
                if inner.read(2) in {b"PK", b"\x80\x02"}:
                    yield member


def _inflate(head: bytes, file: IO[bytes]) -> IO[bytes] | None:
    """The stream inside a compressed file, up to the limit, or None when it is not compressed."""
    if head.startswith(b"\x1f\x8b"):
        return io.BytesIO(gzip.GzipFile(fileobj=file).read(_INFLATED))
    if head.startswith(b"BZh"):
        return io.BytesIO(bz2.BZ2File(file).read(_INFLATED))
    if head.startswith((b"\xfd7zXZ", b"\x5d\x00\x00")):
        return io.BytesIO(lzma.LZMAFile(file).read(_INFLATED))
    if head[:1] == b"\x78" and int.from_bytes(head[:2], "big") % 31 == 0:
        return io.BytesIO(zlib.decompressobj().decompress(file.read(_INFLATED), _INFLATED))
    return None


@dataclass(frozen=True, slots=True)
class Policy:
    """How far a trusted pickle may go.

    `allowed` holds "module.name", or "package.*" for everything below a package; it is looked at
    in the mode "allow-listed" only.
    """

    mode: Mode = "allow"
    allowed: frozenset[str] = frozenset()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read the `security` section of a bundle's manifest."""
        return cls(data.get("pickle", "allow"), frozenset(data.get("allow_globals", ())))

    def check(self, path: Path) -> None:
        """Look at the whole file first, so that no part of a refused one is ever run.

        Raises:
            NotTrusted: when the policy does not let it be loaded.
        """
        if self.mode == "allow":
            return
        if self.mode == "deny":
            raise NotTrusted(
                f"`{path.name}` is a pickle, and the policy is `deny`.",
                hint="Set `security.pickle` to `allow-listed` or `allow` in the bundlefile.",
            )
        seen = scan(path)
        if not seen.complete:
            raise NotTrusted(f"`{path.name}` is not a pickle that can be read to its end.")
        for name in seen.globals:
            self._check_global(name)

    def load(self, path: Path) -> Any:
        """Unpickle a plain pickle.

        Raises:
            NotTrusted: when the policy does not let it be loaded.
        """
        return self.unpickle(path, pickle.Unpickler)

    def unpickle(self, path: Path, kind: type[pickle.Unpickler]) -> Any:
        """Unpickle with a given `Unpickler`, whose own methods stay in force."""
        self.check(path)
        policy = self

        class Checked(kind):  # type: ignore[misc,valid-type]  # chosen by the caller
            def find_class(self, module: str, name: str) -> Any:
                if policy.mode != "allow":
                    policy._check_global(f"{module}.{name}")
                return super().find_class(module, name)

        with path.open("rb") as file:
            return Checked(file).load()

    def _check_global(self, name: str) -> None:
        packages = name.split(".")
        wild = {".".join((*packages[:depth], "*")) for depth in range(1, len(packages))}
        if name not in self.allowed and not wild & self.allowed:
            raise NotTrusted(
                f"The pickle asks for `{name}`, which the policy does not allow.",
                hint=f"Add `{name}` to `security.allow_globals` if you know it.",
            )
