"""Regions: shared memory of clients on this machine, for the tensors of their requests.

A client makes a file of its own in /dev/shm (`shm_open`), registers it under a name, and says the
name instead of sending bytes. Nothing of it is ever mapped here: bytes are read and written where
they are asked for, so a file that shrinks ends nobody, and what is unregistered is out of reach.
Source: Triton, docs/protocol/extension_shared_memory.md.
"""

import fcntl
import os
import stat
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from ..errors import InvalidInput, PayloadTooLarge
from ..printable import printable

_HOME = "/dev/shm"  # noqa: S108  where the C library keeps what `shm_open` makes
_MOST = 1024  # regions
_LONGEST = 255  # bytes of a name
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a file of shared memory; `offset` and `byte_size` are in bytes."""

    name: str
    key: str
    offset: int
    byte_size: int


class Regions:
    """The registered regions; processes that are forked later know them, too."""

    def __init__(self) -> None:
        self._file = os.memfd_create("regions")
        weakref.finalize(self, os.close, self._file)  # a restart brings others
        self._turn = threading.Lock()  # the kernel's locks keep processes apart, not threads

    def register(self, region: Region) -> None:
        """Let tensors be read from there, and written.

        Raises:
            InvalidInput: for a name that is taken, and a file that there is not, or is too small.
        """
        if _name(region.key) is None:
            raise InvalidInput(
                f"cannot register shared memory region '{printable(region.name)}' - invalid shm "
                f"key '{printable(region.key[:_LONGEST])}'."
            )
        with _opened(region.key, os.O_RDWR) as file:
            size = os.fstat(file).st_size
        if not region.byte_size or region.offset + region.byte_size > size:
            raise InvalidInput(
                f"failed to register shared memory region '{printable(region.name)}': invalid "
                f"args: from byte {region.offset} on it has {max(size - region.offset, 0)} bytes."
            )
        with self._changed() as known:
            if region.name in known:
                name = printable(region.name)
                raise InvalidInput(f"shared memory region '{name}' already in manager.")
            if len(known) >= _MOST:
                raise InvalidInput(f"There are {_MOST} shared memory regions: unregister some.")
            known[region.name] = asdict(region)

    def unregister(self, name: str = "") -> None:
        """Forget one, or all of them; it may be that there is none."""
        with self._changed() as known:
            if name:
                known.pop(name, None)
            else:
                known.clear()

    def registered(self) -> list[Region]:
        """All of them."""
        with self._locked(fcntl.LOCK_SH):
            return [Region(**each) for each in self._read().values()]

    def find(self, name: str) -> Region:
        """The one of that name; raises InvalidInput where there is none."""
        for region in self.registered():
            if region.name == name:
                return region
        shown = printable(name[:_LONGEST])
        raise InvalidInput(f"Unable to find shared memory region: '{shown}'.")

    @contextmanager
    def _changed(self) -> Iterator[dict[str, Any]]:
        """What is registered, which is written down after it was changed."""
        with self._locked(fcntl.LOCK_EX):
            known = self._read()
            yield known
            text = orjson.dumps(known)
            os.ftruncate(self._file, len(text))
            os.pwrite(self._file, text, 0)

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        with self._turn:
            fcntl.lockf(self._file, kind)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def _read(self) -> dict[str, Any]:
        text = os.pread(self._file, os.fstat(self._file).st_size, 0)
        with suppress(orjson.JSONDecodeError):  # nothing yet, or whoever wrote it was killed
            return dict(orjson.loads(text))
        return {}


@dataclass(frozen=True, slots=True)
class Place:
    """The place of one tensor in a region, in bytes."""

    regions: Regions
    name: str
    offset: int
    byte_size: int

    @classmethod
    def of(cls, regions: Regions, parameters: Mapping[str, Any]) -> "Place":
        """The place that a tensor's parameters say.

        Raises:
            InvalidInput: for one that is not within a region.
        """
        name = parameters["shared_memory_region"]
        if type(name) is not str:
            raise InvalidInput("expected `shared_memory_region` to be a string.")
        offset = _whole(parameters, "shared_memory_offset", 0)
        place = cls(regions, name, offset, _whole(parameters, "shared_memory_byte_size", None))
        place.region()
        return place

    def parameters(self, byte_size: int) -> dict[str, str | int]:
        """What is said of a tensor of so many bytes that was put there."""
        parameters: dict[str, str | int] = {"shared_memory_region": self.name}
        if self.offset:
            parameters["shared_memory_offset"] = self.offset
        return parameters | {"shared_memory_byte_size": byte_size}

    def region(self) -> Region:
        """The region around it; raises InvalidInput where it is not, or no longer, within one."""
        region, shown = self.regions.find(self.name), printable(self.name)
        if self.offset >= region.byte_size:
            raise InvalidInput(f"Invalid offset for shared memory region: '{shown}'.")
        if self.offset + self.byte_size > _LARGEST:
            raise InvalidInput(
                f"Integer overflow detected: byte_size {self.byte_size} behind offset "
                f"{self.offset} of shared memory region '{shown}'."
            )
        if self.offset + self.byte_size > region.byte_size:
            raise InvalidInput(f"Invalid offset + byte size for shared memory region: '{shown}'.")
        return region

    def read(self, most: int) -> bytes:
        """What is there.

        Raises:
            InvalidInput: where there is no longer as much.
            PayloadTooLarge: for more than `most` bytes.
        """
        if self.byte_size > most:
            raise PayloadTooLarge(f"Inputs in shared memory have more than {most} bytes.")
        region = self.region()
        with _opened(region.key, os.O_RDONLY) as file:
            found = os.pread(file, self.byte_size, region.offset + self.offset)
        if len(found) != self.byte_size:
            shown = printable(self.name)
            raise InvalidInput(f"Shared memory region '{shown}' is smaller than it was.")
        return found

    def write(self, data: bytes, output: str) -> None:
        """Put `data` there; `output` is what they are.

        Raises:
            InvalidInput: where they are too many.
        """
        region = self.region()
        if len(data) > self.byte_size:
            raise InvalidInput(
                f"shared memory size specified with the request for output '{printable(output)}' "
                f"({self.byte_size} bytes) should be at least {len(data)} bytes."
            )
        start = region.offset + self.offset
        with _opened(region.key, os.O_RDWR) as file:
            if os.fstat(file).st_size < start + len(data):
                shown = printable(self.name)
                raise InvalidInput(f"Shared memory region '{shown}' is smaller than it was.")
            os.pwrite(file, data, start)


def _whole(parameters: Mapping[str, Any], name: str, default: int | None) -> int:
    value = parameters.get(name, default)
    if type(value) is not int or value < 0:
        raise InvalidInput(f"expected `{name}` to be a number of bytes.")
    return value


@contextmanager
def _opened(key: str, flags: int) -> Iterator[int]:
    """The file that a client has made under this key."""
    name = _name(key)
    if name is None:
        raise _unable(key)
    try:
        file = os.open(f"{_HOME}/{name}", flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        raise _unable(key) from None
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise _unable(key)
        yield file
    finally:
        os.close(file)


def _name(key: str) -> str | None:
    """What a key says within the directory; None for what is no name, or leads out of it."""
    name = key.removeprefix("/")
    is_short = 0 < len(name.encode("utf-8", "replace")) <= _LONGEST
    is_inside = not {"/", "\0"} & set(name) and name not in {".", ".."}
    return name if is_short and is_inside else None


def _unable(key: str) -> InvalidInput:
    return InvalidInput(f"Unable to open shared memory region: '{printable(key[:_LONGEST])}'.")
