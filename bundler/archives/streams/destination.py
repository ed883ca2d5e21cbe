"""Destination: writes an archive, completely or not at all."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InvalidDestination
from ...store import drafts
from ...store.files import disk
from .compression import Compressor
from .copying import Sink
from .descriptor import Descriptor
from .remote_location import RemoteLocation, is_remote

STDOUT = "-"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file behind a URL, as a sink."""

    file: Any

    def write(self, data: bytes | memoryview) -> None:
        """Write every byte."""
        self.file.write(bytes(data))

    def fileno(self) -> None:
        """None: there is no descriptor."""
        return


def is_device(destination: str) -> bool:
    """Whether the path is a named pipe or a device, which cannot be replaced by a rename."""
    path = Path(destination)
    return path.exists() and not path.is_dir() and not path.is_file()


@contextmanager
def opened(destination: str, *, is_compressed: bool) -> Iterator[Sink]:
    """The sink of a path, a URL or stdout; a file appears when the block has ended well."""
    with _raw(destination) as sink:
        if not is_compressed:
            yield sink
            return
        compressor = Compressor(sink)
        yield compressor
        compressor.close()


def _raw(destination: str) -> Any:
    if destination == STDOUT:
        return _stdout()
    if is_remote(destination):
        return _uploaded(RemoteLocation(destination))
    return _file(Path(destination))


@contextmanager
def _stdout() -> Iterator[Sink]:
    sys.stdout.flush()
    yield Descriptor(sys.stdout.fileno(), Path("/dev/stdout"))


@contextmanager
def _uploaded(location: RemoteLocation) -> Iterator[Sink]:
    with location.writing() as file:
        yield Upload(file)


@contextmanager
def _file(path: Path) -> Iterator[Sink]:
    path = path.resolve()  # a link is followed, as every tool does
    if is_device(str(path)):
        with path.open("wb", buffering=0) as file:
            yield Descriptor(file.fileno(), path)
        return
    if not path.parent.is_dir():
        raise InvalidDestination(
            f"`{path.parent}` is not a directory.", hint="Make it, or name a file in another one."
        )
    temporary = drafts.beside(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with drafts.called(path, temporary):
        descriptor = os.open(temporary, flags, 0o666)
    try:
        yield Descriptor(descriptor, path)
        with drafts.called(path, temporary):
            os.fsync(descriptor)
            temporary.replace(path)
        disk.settle_directory(path.parent)
    finally:
        os.close(descriptor)
        with suppress(OSError):  # what is not removed goes with the next export
            disk.remove(temporary)
