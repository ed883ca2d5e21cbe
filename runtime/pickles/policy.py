"""Pickles: what a file asks for, read without running it, and the policy under which it is run.

The gate is trust by digest (`NotTrusted`); the policy here only narrows what a trusted file may do.
"""

import bz2
import gzip
import io
import lzma
import pickle
import sys
import tarfile
import zipfile
import zlib
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import IO, Any, Literal, NoReturn, Self

from ..errors import NotTrusted
from . import package_content
from .buffers import mapped
from .harmless import HARMLESS
from .opcodes import UNTOLD, Machine, Malformed, Use

Mode = Literal["deny", "allow-listed", "allow"]

TORCH_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How the files of torch.save before 1.6 begin."""

_LEGACY_PICKLES = 5  # what torch reads of them, whatever their protocol
_STREAMS = 16  # pickles in one file
_INFLATED = 64 << 20  # bytes that a compressed pickle may grow to while it is looked at
_NESTED = 2  # archives within archives that are opened
_TOLD = 20  # names in a hint
_DOES = {
    "call": "calls",
    "new": "makes a",
    "result": "calls what it got from",
    "change": "changes, or what it got from it,",
    "given": "has something call",
    "asked": "has something run methods of what it got from",
}


@dataclass(frozen=True, slots=True)
class Scan:
    """What the pickles in a file ask for.

    globals    "module.name" of everything that loading would import, sorted
    complete   whether every opcode was understood; if not, `globals` is only what came before
    format     "pickle", "joblib" (compressed, or with raw arrays in between), "zip" (torch) or
               "torch" (its old format)
    is_cut     whether it ends in the middle of a pickle: it was not written or copied to its end
    uses       which of the globals it calls
    """

    globals: tuple[str, ...]
    complete: bool
    format: str
    pickles: int
    is_cut: bool = False
    uses: frozenset[Use] = frozenset()

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
        seen = _scan_stream(file, "torch", _LEGACY_PICKLES)
        is_known = seen.format == "torch" and not _is_tar(file)
        return replace(seen, complete=seen.complete and is_known)
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
    used: set[Use] = set()
    pickles = 0
    complete, is_cut = True, False
    while pickles < least or _begins_pickle(file):
        if pickles == _STREAMS:
            complete = False
            break
        machine = Machine(file, found, used)
        try:
            machine.run()
        except Malformed:
            complete, is_cut = False, not file.read(1)
            break
        finally:
            seen = "joblib" if machine.has_raw_arrays else seen
        pickles += 1
    return Scan(tuple(sorted(found)), complete, seen, pickles, is_cut, frozenset(used))


def _is_tar(file: IO[bytes]) -> bool:
    """Whether torch would take it for a tar, of its oldest format, whatever it begins with."""
    file.seek(0)
    try:
        tarfile.TarInfo.frombuf(file.read(tarfile.BLOCKSIZE), "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


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
    complete = all(part.complete and part.format != "joblib" for part in parts)
    uses = frozenset(use for part in parts for use in part.uses)
    return Scan(tuple(names), complete, "zip", sum(part.pickles for part in parts), uses=uses)


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

    `allowed` holds "module.name", or "package.*" for what a package brings itself, as far as
    `package_content` says; it is looked at in the mode "allow-listed" only, and what is `HARMLESS`
    goes without saying.
    """

    mode: Mode = "allow"
    allowed: frozenset[str] = frozenset()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read the `security` section of a bundle's manifest."""
        return cls(data.get("pickle", "allow"), frozenset(data.get("allow_globals", ())))

    def check(self, path: Path, formats: Collection[str] = ()) -> None:
        """Look at the whole file first, so that no part of a refused one is ever run.

        `formats` are those that its reader knows, if not all: another reader would see others.

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
        if not seen.complete or (formats and seen.format not in formats):
            raise NotTrusted(f"`{path.name}` is not a pickle that can be read to its end.")
        if refused := [name for name in seen.globals if not self._may_be_found(name)]:
            self._refuse(*refused)  # all that is not allowed, before any of it is imported
        self._check_uses(seen.uses)

    @contextmanager
    def narrowing(self, path: Path, *formats: str) -> Iterator[None]:
        """Let whatever unpickles `path` in the block, and in this thread, find what is allowed.

        The file is looked at before, and each global once more when it is asked for: no program
        can be followed so well without running it that nothing is overlooked.

        Raises:
            NotTrusted: when the policy does not let it be loaded.
        """
        self.check(path, formats)
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
        with self.narrowing(path, "pickle"), path.open("rb") as file:
            return kind(file).load()

    def check_names(self, names: Iterable[str], uses: Iterable[Use]) -> None:
        """Hold the types that a file of another kind names, and calls, against the policy.

        Raises:
            NotTrusted: naming the first one that is not allowed.
        """
        if self.mode == "allow-listed":
            for name in names:
                module, _, attribute = name.rpartition(".")
                self.check_found(module, attribute)
            self._check_uses(uses)

    def check_found(self, module: str, name: str) -> None:
        """Refuse what is not allowed by its name, or only seems to be in a package that is.

        Raises:
            NotTrusted: naming it.
        """
        module, name = _renamed(module, name)
        if not self._may_be_found(f"{module}.{name}"):
            self._refuse(f"{module}.{name}")
        if self._is_named(f"{module}.{name}"):
            return
        owner = package_content.owner(module, name)
        if owner is None:
            return
        if package_content.is_aside(owner) or not _packages(owner) & self.allowed:
            self._refuse(f"{module}.{name}")

    def _may_be_found(self, name: str) -> bool:
        if self._is_named(name):
            return True
        module = name.rpartition(".")[0]
        return not package_content.is_aside(module) and bool(_packages(module) & self.allowed)

    def _check_uses(self, uses: Iterable[Use]) -> None:
        """Hold what is called against what a star allows, which is less than to be a value."""
        refused: dict[str, str] = {}
        for use in sorted(uses, key=str):
            name = f"{use.module}.{use.name}"
            if not self.allowed.isdisjoint({name, _to(use)}):
                continue
            is_made = use.how in {"call", "new"} and name in HARMLESS
            if not is_made and not package_content.may_be_used(use):
                is_told = use.module != UNTOLD or not use.to
                what = f"{_DOES[use.how]} `{name}`" if is_told else f"hands objects to `{_to(use)}`"
                refused.setdefault(name if is_told else _to(use), what)
        if refused:
            what = next(iter(refused.values()))
            raise NotTrusted(
                f"The pickle {what}, and a `*` does not allow that.", hint=_hint([*refused])
            )

    def _is_named(self, name: str) -> bool:
        return name in self.allowed or name in HARMLESS

    def _refuse(self, *names: str) -> NoReturn:
        raise NotTrusted(
            f"The pickle asks for `{names[0]}`, which the policy does not allow.", hint=_hint(names)
        )


def _to(use: Use) -> str:
    return use.to.replace(":", ".")


def _hint(names: Sequence[str]) -> str:
    """What has to be listed, all of it, so that nobody is refused one by one."""
    listed = ", ".join(f"`{name}`" for name in names[:_TOLD])
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    them = "it" if len(names) == 1 else "them"
    return f"Add {listed}{more} to `security.allow_globals` if you know {them}."


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
