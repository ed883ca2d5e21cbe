"""Pickles: what a file asks for, read without running it, and the policy under which it is run.

The gate is trust by digest (`NotTrusted`); the policy here only narrows what a trusted file may do.
"""

import bz2
import gzip
import io
import lzma
import pickle
import sys
import zipfile
import zlib
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import IO, Any, Literal, NoReturn, Self

from ..errors import NotTrusted
from .buffers import mapped
from .harmless import HARMLESS
from .opcodes import Machine, Malformed

Mode = Literal["deny", "allow-listed", "allow"]

TORCH_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How the files of torch.save before 1.6 begin."""

_LEGACY_PICKLES = 5  # what torch reads of them, whatever their protocol
_STREAMS = 16  # pickles in one file
_INFLATED = 64 << 20  # bytes that a compressed pickle may grow to while it is looked at
_NESTED = 2  # archives within archives that are opened


@dataclass(frozen=True, slots=True)
class Scan:
    """What the pickles in a file ask for.

    globals    "module.name" of everything that loading would import, sorted
    complete   whether every opcode was understood; if not, `globals` is only what came before
    format     "pickle", "joblib" (compressed, or with raw arrays in between) or "zip" (torch)
    is_cut     whether it ends in the middle of a pickle: it was not written or copied to its end
    """

    globals: tuple[str, ...]
    complete: bool
    format: str
    pickles: int
    is_cut: bool = False

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
    if head == TORCH_LEGACY[: len(head)]:
        return _scan_stream(file, "pickle", _LEGACY_PICKLES)
    if inflated is None:
        return _scan_stream(file, "pickle")
    seen = _scan_stream(inflated, "joblib")
    is_cut = seen.is_cut and inflated.seek(0, io.SEEK_END) < _INFLATED  # else we cut it ourselves
    return replace(seen, is_cut=is_cut)


def _scan_stream(file: IO[bytes], seen: str, least: int = 1) -> Scan:
    """Follow the pickles that stand one after the other in `file`, `least` of them for sure.

    Protocols 0 and 1 have no first byte to know them by.
    """
    found: set[str] = set()
    pickles = 0
    complete, is_cut = True, False
    while pickles < least or _begins_pickle(file):
        if pickles == _STREAMS:
            complete = False
            break
        machine = Machine(file, found)
        try:
            machine.run()
        except Malformed:
            complete, is_cut = False, not file.read(1)
            break
        finally:
            seen = "joblib" if machine.has_raw_arrays else seen
        pickles += 1
    return Scan(tuple(sorted(found)), complete, seen, pickles, is_cut)


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

    `allowed` holds "module.name", or "package.*" for everything that a package brings itself; it
    is looked at in the mode "allow-listed" only, and what is `HARMLESS` goes without saying.
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

    @contextmanager
    def narrowing(self, path: Path) -> Iterator[None]:
        """Let whatever unpickles `path` in the block, and in this thread, find what is allowed.

        The file is looked at before, and each global once more when it is asked for: no program
        can be followed so well without running it that nothing is overlooked.

        Raises:
            NotTrusted: when the policy does not let it be loaded.
        """
        self.check(path)
        if self.mode == "allow":
            yield
            return
        _watch()
        token = _narrowed.set(self)
        try:
            yield
        finally:
            _narrowed.reset(token)

    def load(
        self,
        path: Path,
        beside: Path | None = None,
        sizes: Sequence[int] = (),
        kind: type[pickle.Unpickler] = pickle.Unpickler,
    ) -> Any:
        """Unpickle a plain pickle, and map its large arrays where `dump` put them `beside` it.

        Raises:
            NotTrusted: when the policy does not let it be loaded.
        """
        found = mapped(beside, sizes) if beside else []
        return self.unpickle(path, lambda file: kind(file, buffers=found))

    def unpickle(self, path: Path, kind: Callable[[IO[bytes]], pickle.Unpickler]) -> Any:
        """Unpickle with a given `Unpickler`, whose own methods stay in force."""
        with self.narrowing(path), path.open("rb") as file:
            return kind(file).load()

    def check_names(self, names: Iterable[str]) -> None:
        """Hold the types that a file of another kind names against the policy.

        Raises:
            NotTrusted: naming the first one that is not allowed.
        """
        if self.mode == "allow-listed":
            for name in names:
                self._check_global(name)

    def check_found(self, module: str, name: str) -> None:
        """Refuse what is not allowed by its name, or only seems to be in a package that is.

        Raises:
            NotTrusted: naming it.
        """
        module, name = _renamed(module, name)
        self._check_global(f"{module}.{name}")
        if f"{module}.{name}" in self.allowed | HARMLESS:
            return
        owner = _owner(module, name)
        if owner is not None and not _packages(owner) & self.allowed:
            self._refuse(f"{module}.{name}")

    def _check_global(self, name: str) -> None:
        if name in self.allowed or name in HARMLESS:
            return
        if not _packages(name.rpartition(".")[0]) & self.allowed:
            self._refuse(name)

    def _refuse(self, name: str) -> NoReturn:
        raise NotTrusted(
            f"The pickle asks for `{name}`, which the policy does not allow.",
            hint=f"Add `{name}` to `security.allow_globals` if you know it.",
        )


_narrowed: ContextVar[Policy | None] = ContextVar("narrowed", default=None)


@cache
def _watch() -> None:
    """Hear of every global that any unpickler is about to find, joblib's and torch's included."""
    sys.addaudithook(_heard)


def _heard(event: str, details: tuple[Any, ...]) -> None:
    if event == "pickle.find_class" and (policy := _narrowed.get()) is not None:
        policy.check_found(*details)


def _renamed(module: str, name: str) -> tuple[str, str]:
    """What Python 2 called otherwise; none of its names is left in Python 3."""
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


def _packages(module: str) -> set[str]:
    """The patterns that allow what is in `module`: "a.*" and "a.b.*" for "a.b"."""
    parts = module.split(".")
    return {".".join((*parts[:depth], "*")) for depth in range(1, len(parts) + 1)}


def _owner(module: str, name: str) -> str | None:
    """The module that a global really comes from; a module itself comes from elsewhere."""
    try:
        found: Any = import_module(module)
    except ImportError:
        return None  # source that the model carries, which it named itself
    for part in name.split("."):
        found = getattr(found, part, None)
        if isinstance(found, ModuleType):
            return "?"
    owner = getattr(found, "__module__", None)
    return owner if isinstance(owner, str) else None
