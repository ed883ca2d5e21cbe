"""Buffers: the large arrays of a pickle in a second file, which processes map and share."""

import mmap
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from pickle import PickleBuffer

from ..errors import InvalidModel

_LEAST = 64 << 10  # bytes; what is smaller stays in the pickle
_ALIGNED = 64  # bytes: what vector instructions like, and numpy's own habit


class Buffers:
    """Collects the out-of-band buffers of a pickler (protocol 5)."""

    def __init__(self) -> None:
        self._kept: list[PickleBuffer] = []

    def keep(self, buffer: PickleBuffer) -> bool:
        """As `buffer_callback`: take a buffer out of band; True keeps it in the pickle."""
        if buffer.raw().nbytes < _LEAST:
            return True
        self._kept.append(buffer)
        return False

    def write(self, path: Path) -> list[int]:
        """Write the buffers one after the other; returns their sizes. Writes no file for none."""
        sizes = [buffer.raw().nbytes for buffer in self._kept]
        if not sizes:
            return []
        with path.open("wb") as file:
            for buffer, (start, _) in zip(self._kept, _places(sizes), strict=True):
                file.write(bytes(start - file.tell()))
                file.write(buffer.raw())
        return sizes


def mapped(path: Path, sizes: Sequence[int]) -> list[memoryview]:
    """The buffers of these sizes in `path`, shared with every process until one writes to them.

    The mapping is copy-on-write: writing changes neither the file nor what other processes see.

    Raises:
        InvalidModel: when the file does not hold them.
    """
    if not sizes:
        return []
    places = _places(sizes)
    with path.open("rb") as file:
        if path.stat().st_size != places[-1][1]:
            raise InvalidModel(f"`{path.name}` does not hold the arrays of its pickle.")
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    return [view[start:end] for start, end in places]


def _places(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Where each buffer begins and ends."""
    starts = [0]
    for size in sizes:
        starts.append(starts[-1] + -(-size // _ALIGNED) * _ALIGNED)
    return [(start, start + size) for (start, _), size in zip(pairwise(starts), sizes, strict=True)]
