"""Opening: opens an archive by path, URL or stdin; its content tells its format."""

import os
import stat as modes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...runtime.errors import BundleError
from ..errors import NotAnArchive
from ..untrusted.quotation import quoted
from .contents.layout import MARKER
from .layout_directory import LayoutDirectory
from .source import Source
from .streams.compression import MAGIC, Decompressor
from .streams.descriptor import Descriptor
from .streams.remote_location import RemoteLocation, is_remote, shown
from .tar.file import TarFile
from .tar.stream import TarStream

if TYPE_CHECKING:
    from ..store.files.hashing import Read

STDIN = "-"
_OTHERS = {
    b"\x1f\x8b": "gzip -dc", b"BZh": "bzip2 -dc", b"\xfd7zXZ": "xz -dc", b"PK": "",
}  # fmt: skip
_OTHER_TOOLS = "A model of another tool is taken by `bundle save NAME SOURCE`."
_LONGEST = max(map(len, (MAGIC, *_OTHERS)))


@contextmanager
def opened(source: str) -> Iterator[Source]:
    """A tar (compressed or not), a layout directory, a URL or stdin, ready to be read.

    Raises:
        NotAnArchive: when it is none.
    """
    if source == STDIN:
        yield _of_descriptor(Descriptor(sys.stdin.fileno(), Path("/dev/stdin")), "The stream")
    elif is_remote(source):
        with RemoteLocation(source).reading() as file:
            yield _of_stream(file, quoted(shown(source)))
    elif Path(source).is_dir():
        if not (Path(source) / MARKER).exists():
            raise NotAnArchive(
                f"`{source[-200:]}` is a directory without an `oci-layout`.", hint=_OTHER_TOOLS
            )
        yield LayoutDirectory(Path(source))
    else:
        with _file(Path(source)) as file:
            yield _of_descriptor(file, f"`{source[-200:]}`")


@contextmanager
def _file(path: Path) -> Iterator[Descriptor]:
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError(f"There is no file `{str(path)[-200:]}`.") from error
    try:
        yield Descriptor(number, path)
    finally:
        os.close(number)


def _of_descriptor(file: Descriptor, where: str) -> Source:
    """A plain tar that can be read again is read twice; anything else passes by once."""
    is_file = modes.S_ISREG(os.fstat(file.number).st_mode)
    if not is_file or os.lseek(file.number, 0, os.SEEK_CUR):
        return _of_stream(file, where)
    beginning = os.pread(file.number, _LONGEST, 0)
    if _is_compressed(beginning, where):
        return TarStream(Decompressor(file, where).readinto, where)
    tar = TarFile(file, where)
    tar.scan()
    return tar


def _of_stream(file: Any, where: str) -> Source:
    beginning = b""
    while len(beginning) < _LONGEST and (more := file.read(_LONGEST - len(beginning))):
        beginning += more
    whole = _Whole(beginning, file)
    if _is_compressed(beginning, where):
        return TarStream(Decompressor(whole, where).readinto, where)
    return TarStream(whole.readinto, where)


class _Whole:
    """A stream with the bytes that were read from its beginning put back."""

    def __init__(self, beginning: bytes, file: Any) -> None:
        self._beginning = beginning
        self._rest: Read = file.readinto
        self._read = file.read

    def read(self, size: int) -> bytes:
        if not self._beginning:
            return bytes(self._read(size))
        data, self._beginning = self._beginning[:size], self._beginning[size:]
        return data

    def readinto(self, buffer: memoryview) -> int:
        if not self._beginning:
            return self._rest(buffer) or 0
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _is_compressed(beginning: bytes, where: str) -> bool:
    """Whether it is zstd; raises NotAnArchive for what we do not read."""
    for magic, command in _OTHERS.items():
        if beginning.startswith(magic):
            ours = f"Try `{command} FILE | bundle import -`. " if command else ""
            hint = f"{ours}{_OTHER_TOOLS}"
            raise NotAnArchive(f"{where} is neither a tar nor a zstd file.", hint=hint)
    return beginning.startswith(MAGIC)
