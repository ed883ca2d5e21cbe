"""Scanning: lists the globals and calls of all pickles in a file, without running them."""

import bz2
import gzip
import io
import lzma
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from .. import zip_member
from .effort import Effort
from .global_use import GlobalUse, Use
from .opcodes import Machine, Malformed
from .zip_directory import is_plain

TORCH_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How the files of torch.save before 1.6 begin."""

_LEGACY_PICKLES = 5  # what torch reads of them, whatever their protocol
_STREAMS = 16  # pickles in one file
_BROKEN = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, NotImplementedError,
    RuntimeError, ValueError, struct.error,
)  # fmt: skip
_NOT_WITHIN = frozenset({"joblib", "torchscript"})  # an archive, for torch to unpickle
_NESTED = 2  # archives within archives that are opened
_MEMBERS = 100_000  # of one archive; torch writes one for each tensor
_seen: ContextVar[dict[Path, "Scan"] | None] = ContextVar("scans", default=None)


@dataclass(frozen=True, slots=True)
class Scan:
    """The globals and calls of the pickles in a file.

    globals    "module.name" of everything that loading would import, sorted
    complete   whether every opcode was understood; if not, `globals` has only those before
    format     "pickle", "joblib" (compressed, or with raw arrays in between), "zip" (torch),
               "torchscript" (a zip that torch.load takes for one) or "torch" (its old format)
    is_cut     whether it ends in the middle of a pickle, as after an incomplete copy
    uses       the uses of the globals
    order      the globals in the order in which they are looked up, with repetitions; empty for an
               archive of several pickles, whose order of reading is unknown
    """

    globals: tuple[str, ...]
    complete: bool
    format: str
    pickles: int
    is_cut: bool = False
    uses: frozenset[Use] = frozenset()
    order: tuple[str, ...] = ()

    @property
    def modules(self) -> frozenset[str]:
        """Top-level packages of the globals."""
        return frozenset(name.partition(".")[0] for name in self.globals)


def scan(source: Path | bytes) -> Scan:
    """Analyse every opcode of every pickle in a file: plain, compressed or a torch archive.

    Nothing is imported, called or unpacked to disk. Work and memory are bounded; for a file beyond
    the bounds, or without a pickle, `complete` is False.
    """
    if isinstance(source, bytes):
        return _scan_file(io.BytesIO(source), _NESTED, Effort())
    seen = _seen.get()
    if seen is not None and source in seen:
        return seen[source]
    with source.open("rb") as file:
        found = _scan_file(file, _NESTED, Effort())
    if seen is not None:
        seen[source] = found
    return found


@contextmanager
def remembering() -> Iterator[None]:
    """Within it, a file is looked at once, however many adapters ask whether it is theirs."""
    token = _seen.set({})
    try:
        yield
    finally:
        _seen.reset(token)


def _scan_file(file: IO[bytes], nesting: int, effort: Effort) -> Scan:
    head = file.read(8)
    file.seek(0)
    if head.startswith(b"PK\x03\x04"):
        return _scan_archive(file, nesting, effort)
    try:
        inflated = _inflate(head, file, effort.unpacked)
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return Scan((), complete=False, format="joblib", pickles=0)
    if head == TORCH_LEGACY[: len(head)]:
        seen = _scan_stream(file, effort, "torch")
        is_known = seen.format == "torch" and not _is_tar(file)
        return replace(seen, complete=seen.complete and is_known)
    if inflated is None:
        return _scan_stream(file, effort)
    is_whole = effort.unpacked > inflated.getbuffer().nbytes  # else we cut it ourselves
    effort.unpack(inflated.getbuffer().nbytes)
    seen = _scan_stream(inflated, effort, "joblib")
    return replace(seen, is_cut=seen.is_cut and is_whole)


def _scan_stream(file: IO[bytes], effort: Effort, seen: str = "pickle") -> Scan:
    """Analyse the pickles that follow each other in `file`.

    They are recognized by their first byte, which protocols 0 and 1 lack. Of torch's old format
    there are so many as torch reads; the numbers behind them may begin as a pickle does.
    """
    used = GlobalUse()
    pickles = 0
    complete, is_cut = True, False
    least = _LEGACY_PICKLES if (is_torch := seen == "torch") else 1
    while pickles < least or (not is_torch and _begins_pickle(file)):
        if pickles == _STREAMS:
            complete = False
            break
        machine = Machine(file, used, effort)
        try:
            machine.run()
        except Malformed:
            complete, is_cut = False, not file.read(1)
            break
        finally:
            seen = "joblib" if machine.has_raw_arrays else seen
        pickles += 1
    names, uses = tuple(sorted(used.names)), frozenset(used.uses)
    return Scan(names, complete, seen, pickles, is_cut, uses, tuple(used.order))


def _is_tar(file: IO[bytes]) -> bool:
    """Whether torch would read the file as a tar, its oldest format."""
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


def _scan_archive(file: IO[bytes], nesting: int, effort: Effort) -> Scan:
    parts: list[Scan] = []
    seen = "zip"
    try:
        with zipfile.ZipFile(file) as archive:
            if any(map(_is_of_script, archive.namelist())):
                seen = "torchscript"
            for member in _pickled_members(archive):
                if not nesting or not effort.unpack(member.file_size):
                    parts.append(Scan((), complete=False, format="zip", pickles=0))
                    continue
                data = zip_member.read(archive, member, member.file_size)
                parts.append(_scan_file(io.BytesIO(data), nesting - 1, effort))
    except _BROKEN:
        return Scan((), complete=False, format="zip", pickles=0)
    names = sorted({name for part in parts for name in part.globals})
    known = all(part.complete and part.format not in _NOT_WITHIN for part in parts)
    complete = known and is_plain(file)
    uses = frozenset(use for part in parts for use in part.uses)
    order = parts[0].order if len(parts) == 1 else ()
    pickles = sum(part.pickles for part in parts)
    return Scan(tuple(names), complete, seen, pickles, uses=uses, order=order)


def _is_of_script(name: str) -> bool:
    """Whether a member is what torch.load tells TorchScript by, which it compiles and runs."""
    return name.casefold().partition("/")[2] == "constants.pkl"


def _pickled_members(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    members = archive.infolist()
    if len(members) > _MEMBERS:
        raise zipfile.BadZipFile("more members than a model has")
    for member in members:
        zip_member.check(member)
        name = member.filename.casefold()  # as torch compares them
        if name.endswith((".pkl", ".pickle")):
            yield member
            continue
        with archive.open(member) as inner:  # archives inside a .pt2, whatever they are called
            head = inner.read(len(TORCH_LEGACY))
        is_torch = name.endswith((".pt", ".pth")) and head[:2] in {b"PK", b"\x80\x02"}
        if is_torch or head.startswith(b"PK\x03\x04") or head == TORCH_LEGACY:
            yield member


def _inflate(head: bytes, file: IO[bytes], most: int) -> io.BytesIO | None:
    """The decompressed stream, up to `most` bytes; None if the file is not compressed."""
    if head.startswith(b"\x1f\x8b"):
        return io.BytesIO(gzip.GzipFile(fileobj=file).read(most))
    if head.startswith(b"BZh"):
        return io.BytesIO(bz2.BZ2File(file).read(most))
    if head.startswith((b"\xfd7zXZ", b"\x5d\x00\x00")):
        return io.BytesIO(lzma.LZMAFile(file).read(most))
    if head[:1] == b"\x78" and int.from_bytes(head[:2], "big") % 31 == 0:
        return io.BytesIO(zlib.decompressobj().decompress(file.read(most), most))
    return None
